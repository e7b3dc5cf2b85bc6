// Several elements in one access: 4, 8 or 16 bytes, aligned to their size.
#pragma once

#include <cstdint>

#include "qualifiers.cuh"
#ifndef __CUDACC__
#include "emulator/threads.hpp"
#endif

namespace sirfp::device {

template <class T, int Count>
struct alignas(sizeof(T) * Count) vector_of {
  T element[Count];
  SIRFP_DEVICE T& operator[](int i) { return element[i]; }
  SIRFP_DEVICE const T& operator[](int i) const { return element[i]; }
};

#ifdef __CUDACC__
template <int Count, class T>
SIRFP_DEVICE vector_of<T, Count> load_vector(const T* from) {
  return *reinterpret_cast<const vector_of<T, Count>*>(from);
}
template <int Count, class T>
SIRFP_DEVICE void store_vector(T* to, const vector_of<T, Count>& value) {
  *reinterpret_cast<vector_of<T, Count>*>(to) = value;
}
#else
template <int Count, class T>
vector_of<T, Count> load_vector(const T* from) {
  emulator::expect_aligned(from, sizeof(T) * Count, "load_vector");
  vector_of<T, Count> value;
  for (int i = 0; i < Count; ++i) value[i] = from[i];
  return value;
}
template <int Count, class T>
void store_vector(T* to, const vector_of<T, Count>& value) {
  emulator::expect_aligned(to, sizeof(T) * Count, "store_vector");
  for (int i = 0; i < Count; ++i) to[i] = value[i];
}
#endif

}  // namespace sirfp::device
