// Atomic operations on shared or global memory, relaxed: they order nothing else (device_fence does). Each returns the value before.
#pragma once

#include <cstdint>
#include <type_traits>

#include "qualifiers.cuh"
#ifndef __CUDACC__
#include "emulator/threads.hpp"
#endif

namespace sirfp::device {

#ifdef __CUDACC__
// CUDA's overloads know `unsigned long long`, which std::uint64_t is not.
template <class T>
using atomic_word = std::conditional_t<sizeof(T) == 4 || std::is_floating_point_v<T>, T,
                                       std::conditional_t<std::is_signed_v<T>, long long, unsigned long long>>;

template <class T>
SIRFP_DEVICE T atomic_add(T* at, T value) {
  if constexpr (sizeof(T) == 8 && std::is_integral_v<T>)  // two's complement: signed and unsigned sums have the same bits
    return static_cast<T>(atomicAdd(reinterpret_cast<unsigned long long*>(at), static_cast<unsigned long long>(value)));
  else
    return atomicAdd(at, value);
}
template <class T>
SIRFP_DEVICE T atomic_max(T* at, T value) {
  return static_cast<T>(atomicMax(reinterpret_cast<atomic_word<T>*>(at), static_cast<atomic_word<T>>(value)));
}
template <class T>
SIRFP_DEVICE T atomic_min(T* at, T value) {
  return static_cast<T>(atomicMin(reinterpret_cast<atomic_word<T>*>(at), static_cast<atomic_word<T>>(value)));
}
SIRFP_DEVICE unsigned atomic_or(unsigned* at, unsigned bits) { return atomicOr(at, bits); }
// Writes `desired` where it finds `expected`.
template <class T>
SIRFP_DEVICE T compare_and_swap(T* at, T expected, T desired) {
  using word = std::conditional_t<sizeof(T) == 4, T, unsigned long long>;
  return static_cast<T>(atomicCAS(reinterpret_cast<word*>(at), static_cast<word>(expected), static_cast<word>(desired)));
}
// What this thread wrote before is seen by any thread that sees what it writes after.
SIRFP_DEVICE void device_fence() { __threadfence(); }
// A value that another block may have just written.
template <class T>
SIRFP_DEVICE T load_relaxed(const T* at) {
  return *const_cast<const volatile T*>(at);
}
#else
template <class T, class Change>
T atomic_change(T* at, const Change& change) {
  emulator::may_switch();
  const T before = *at;
  *at = change(before);
  return before;
}
template <class T>
T atomic_add(T* at, T value) {
  return atomic_change(at, [value](T before) { return static_cast<T>(before + value); });
}
template <class T>
T atomic_max(T* at, T value) {
  return atomic_change(at, [value](T before) { return before < value ? value : before; });
}
template <class T>
T atomic_min(T* at, T value) {
  return atomic_change(at, [value](T before) { return value < before ? value : before; });
}
inline unsigned atomic_or(unsigned* at, unsigned bits) {
  return atomic_change(at, [bits](unsigned before) { return before | bits; });
}
template <class T>
T compare_and_swap(T* at, T expected, T desired) {
  return atomic_change(at, [=](T before) { return before == expected ? desired : before; });
}
inline void device_fence() { emulator::may_switch(); }
template <class T>
T load_relaxed(const T* at) {
  emulator::may_switch();
  return *at;
}
#endif

}  // namespace sirfp::device
