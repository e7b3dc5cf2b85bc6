// Computes          nothing of use: what it takes to read, to wait, to add
// Tile              read: 256 threads, 16 bytes a thread and stride of the grid; chase: one thread; collective: as asked; mma: a warp
//                   a probe
// Measured          not yet measured
#include "device/launch.cuh"
#include "device/mma.cuh"
#include "device/numbers.cuh"
#include "device/runtime.hpp"
#include "device/shared.cuh"
#include "device/vectors.cuh"
#include "device/warp.cuh"
#include "device_array.hpp"
#include "probes.hpp"
#include "state_algebra_plan.hpp"

namespace sirfp::bench {
namespace {

#ifdef __CUDACC__
SIRFP_DEVICE int clock_now() { return static_cast<int>(clock64()); }
SIRFP_DEVICE unsigned load_through_l2(const unsigned* from) { return __ldcg(from); }
#else
inline int clock_now() { return 0; }
inline unsigned load_through_l2(const unsigned* from) { return *from; }
#endif

SIRFP_KERNEL read_kernel(const unsigned* from, std::int64_t words, unsigned* sink) {
  unsigned sum = 0;
  for (std::int64_t k = device::grid_thread(); k < words; k += device::grid_threads()) {
    const auto value = device::load_vector<4>(from + 4 * k);
    sum += value[0] ^ value[1] ^ value[2] ^ value[3];
  }
  if (sum == 0x12345678U) *sink = sum;  // so that the loads are wanted
}

SIRFP_KERNEL chase_kernel(const unsigned* chain, int steps, int* clocks) {
  unsigned line = 0;
  for (int k = 0; k < steps; ++k) {
    const int before = clock_now();
    line = load_through_l2(chain + line * 32);
    if (line == 0xffffffffU) return;  // waits for the value
    clocks[k] = clock_now() - before;
  }
}

template <collective What>
SIRFP_KERNEL collective_kernel(int rounds, int* clocks) {
  int value = device::thread_index();
  const int before = clock_now();
  for (int k = 0; k < rounds; ++k) {
    if (What == collective::block_barrier) device::block_barrier();
    if (What == collective::grid_barrier) device::grid_barrier();
    if (What == collective::warp_max) value = device::warp_max(value + device::lane_index());
    if (What == collective::shuffle) value = device::shuffle_xor(value + 1, 16);
  }
  const int passed = clock_now() - before;
  if (device::thread_index() == 0) clocks[device::block_index()] = passed + (value == -1 ? 1 : 0);
}

// Row 0 of A and column 0 of B; the rest is zero.
SIRFP_KERNEL mma_kernel(const mma_probe* probes, float* results) {
  const mma_probe& probe = probes[device::block_index()];
  const int lane = device::lane_index();
  const bool holds = lane < 4;
  const auto pair = [&](const float* from, int k) {
    return holds ? device::pack_pair(device::round_to_f16(from[k]), device::round_to_f16(from[k + 1])) : 0U;
  };
  const int k = 2 * (lane % 4);
  const device::mma_a a{{pair(probe.a, k), 0, pair(probe.a, k + 8), 0}};
  const device::mma_b b{{pair(probe.b, k), pair(probe.b, k + 8)}};
  device::mma_d d{};
  if (lane == 0) d.d[0] = probe.c;
  device::mma_f16(d, a, b);
  if (lane == 0) results[device::block_index()] = d.d[0];
}

float power(int exponent) {
  float value = 1;
  for (int k = 0; k < exponent; ++k) value *= 2;
  for (int k = 0; k > exponent; --k) value /= 2;
  return value;
}

// `count` products of 2^exponent.
mma_probe with_products(float c, int count, int exponent) {
  mma_probe probe;
  probe.c = c;
  for (int k = 0; k < count; ++k) {
    probe.a[k] = power(exponent / 2);
    probe.b[k] = power(exponent - exponent / 2);
  }
  return probe;
}

}  // namespace

void launch_read(const void* from, std::int64_t words, unsigned* sink) {
  device::launch(plan_elementwise("read", words, device::facts_of(0)), nullptr, read_kernel, static_cast<const unsigned*>(from), words,
                 sink);
}

void launch_chase(const unsigned* chain, int steps, int* clocks) {
  device::launch({.name = "chase"}, nullptr, chase_kernel, chain, steps, clocks);
}

void launch_collective(collective what, std::int64_t blocks, int threads, int rounds, int* clocks) {
  const auto run = [&](auto kernel, bool together) {
    device::launch({"collective", blocks, threads, 0, together}, nullptr, kernel, rounds, clocks);
  };
  switch (what) {
    case collective::block_barrier:
      return run(collective_kernel<collective::block_barrier>, false);
    case collective::warp_max:
      return run(collective_kernel<collective::warp_max>, false);
    case collective::shuffle:
      return run(collective_kernel<collective::shuffle>, false);
    case collective::grid_barrier:
      return run(collective_kernel<collective::grid_barrier>, true);
  }
}

std::vector<float> mma_results_sync(const std::vector<mma_probe>& probes) {
  const device_array<mma_probe> in(probes, nullptr);
  const device_array<float> out(static_cast<std::int64_t>(probes.size()), nullptr);
  device::launch({"mma_probe", static_cast<std::int64_t>(probes.size()), device::warp_size}, nullptr, mma_kernel,
                 static_cast<const mma_probe*>(in.data()), out.data());
  return out.to_host_sync();
}

mma_habits mma_habits_sync() {
  std::vector<mma_probe> probes;
  for (int bits = 1; bits <= 4; ++bits) probes.push_back(with_products(1, 1 << bits, -23 - bits));  // together the last bit of c
  probes.push_back(with_products(1, 3, -25));                                                       // three quarters of it
  mma_probe halves;  // 2^24 + 1, which fp32 does not hold, and - 2^24 among the other eight
  halves.a[0] = halves.b[0] = halves.a[8] = power(12);
  halves.b[8] = -power(12);
  halves.a[1] = halves.b[1] = 1;
  probes.push_back(halves);
  const std::vector<float> got = mma_results_sync(probes);
  mma_habits found;
  for (std::size_t bits = 0; bits < 4 && got[bits] > 1; ++bits) ++found.bits_beyond_fp32;
  found.rounds = got[4] > 1;
  found.sixteen = got[5] == 1;
  return found;
}

}  // namespace sirfp::bench
