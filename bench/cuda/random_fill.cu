// Computes          random values from their index
// Tile              256 threads, one value a thread and stride of the grid
// Traffic           written once
#include "device/indices.cuh"
#include "device/launch.cuh"
#include "device/numbers.cuh"
#include "device/runtime.hpp"
#include "random_fill.hpp"
#include "state_algebra_plan.hpp"

namespace sirfp::bench {
namespace {

SIRFP_DEVICE float random_value(std::uint64_t at, std::uint64_t seed) {
  std::uint64_t bits = at + seed * 0x9e3779b97f4a7c15U;  // splitmix64
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebU;
  bits ^= bits >> 31;
  float sum = 0;
  for (int part = 0; part < 4; ++part) sum += static_cast<float>(bits >> 16 * part & 0xffffU) / 65536.0F;
  return (sum - 2) * 1.7320508F;
}

SIRFP_DEVICE void put(float* to, float value) { *to = value; }
SIRFP_DEVICE void put(device::f16* to, float value) { *to = device::round_to_f16(value); }
SIRFP_DEVICE void put(device::bf16* to, float value) { *to = device::round_to_bf16(value); }

template <class Element>
SIRFP_KERNEL fill_kernel(Element* to, std::int64_t size, std::uint64_t seed) {
  for (std::int64_t i = device::grid_thread(); i < size; i += device::grid_threads())
    put(to + i, random_value(static_cast<std::uint64_t>(i), seed));
}

SIRFP_KERNEL symmetric_kernel(float* to, std::int64_t channels, std::uint64_t seed) {
  for (std::int64_t k = device::grid_thread(); k < channels * channels; k += device::grid_threads()) {
    const std::int64_t row = k / channels;
    const std::int64_t column = k % channels;
    const std::int64_t low = row < column ? row : column;
    const std::int64_t high = row < column ? column : row;
    to[k] = low == high ? 4 : random_value(static_cast<std::uint64_t>(high * (high + 1) / 2 + low), seed);
  }
}

template <class Element>
void fill(void* to, std::int64_t size, std::uint64_t seed) {
  device::launch(plan_elementwise("fill", size, device::facts_of(0)), nullptr, fill_kernel<Element>, static_cast<Element*>(to), size, seed);
}

}  // namespace

void fill_random(void* to, dtype type, std::int64_t size, std::uint64_t seed) {
  if (type == dtype::f32) fill<float>(to, size, seed);
  if (type == dtype::f16) fill<device::f16>(to, size, seed);
  if (type == dtype::bf16) fill<device::bf16>(to, size, seed);
}

void fill_symmetric(float* to, std::int64_t channels, std::uint64_t seed) {
  device::launch(plan_elementwise("fill_symmetric", channels * channels, device::facts_of(0)), nullptr, symmetric_kernel, to, channels,
                 seed);
}

}  // namespace sirfp::bench
