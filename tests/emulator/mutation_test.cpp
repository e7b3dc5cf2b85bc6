// The emulator can fail: each kernel here is right until a fault is put in, and each fault is caught.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "device/launch.cuh"
#include "device/mma.cuh"
#include "device/numbers.cuh"
#include "device/shared.cuh"
#include "device/warp.cuh"
#include "device_array.hpp"

namespace sirfp::test {
namespace {

enum class fault { none, race, slots, tail, fragment };

// Sums of neighbours at the distance of half a block, by way of shared memory; the block goes round, so that two barriers are needed.
template <fault Fault>
SIRFP_KERNEL exchange_kernel(const float* in, int rounds, float* out) {
  auto* const tile = device::shared_array<float>();
  const int threads = device::block_threads();
  for (int r = 0; r < rounds; ++r) {
    tile[device::thread_index()] = in[r * threads + device::thread_index()];
    device::block_barrier();
    out[r * threads + device::thread_index()] = tile[(device::thread_index() + threads / 2) % threads];
    if (Fault != fault::race) device::block_barrier();
  }
}

template <fault Fault>
bool exchange_is_right() {
  constexpr int threads = 64;
  constexpr int rounds = 4;
  std::vector<float> in(threads * rounds);
  std::iota(in.begin(), in.end(), 1.0F);
  const device_array<float> from(in, nullptr);
  const device_array<float> to(threads * rounds, nullptr);
  device::launch({"exchange", 1, threads, threads * sizeof(float)}, nullptr, exchange_kernel<Fault>, static_cast<const float*>(from.data()),
                 rounds, to.data());
  const std::vector<float> got = to.to_host_sync();
  for (std::size_t k = 0; k < got.size(); ++k)
    if (got[k] != in[k / threads * threads + (k % threads + threads / 2) % threads]) return false;
  return true;
}

TEST(mutation, a_missing_barrier_is_seen_under_every_seed) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    emulator::set_seed(seed);
    EXPECT_TRUE(exchange_is_right<fault::none>()) << "seed " << seed;
    EXPECT_FALSE(exchange_is_right<fault::race>()) << "seed " << seed;
  }
  emulator::set_seed(1);
}

// A maximum over the block at every step by one barrier, as the elimination has it: the slots of a step may be written again only behind
// the next barrier, hence two sets of them. With one, only a warp that runs far ahead shows the fault.
template <fault Fault>
SIRFP_KERNEL steps_kernel(int steps, int* out) {
  auto* const slots = device::shared_array<int>();  // [2][32]
  for (int t = 0; t < steps; ++t) {
    int* const slot = slots + (Fault == fault::slots ? 0 : t % 2 * device::warp_size);
    const int mine = device::warp_max((t * 29 + device::thread_index() * 7) % 101);
    if (device::lane_index() == 0) slot[device::warp_index()] = mine;
    device::block_barrier();
    const int best = device::warp_max(device::lane_index() < device::block_warps() ? slot[device::lane_index()] : 0);
    out[t * device::block_threads() + device::thread_index()] = best;
  }
}

template <fault Fault>
bool steps_are_right() {
  constexpr int threads = 96;
  constexpr int steps = 40;
  const device_array<int> to(threads * steps, nullptr);
  device::launch({"steps", 1, threads, 2 * 32 * sizeof(int)}, nullptr, steps_kernel<Fault>, steps, to.data());
  const std::vector<int> got = to.to_host_sync();
  for (int t = 0; t < steps; ++t) {
    int best = 0;
    for (int k = 0; k < threads; ++k) best = std::max(best, (t * 29 + k * 7) % 101);
    for (int k = 0; k < threads; ++k)
      if (got[static_cast<std::size_t>(t * threads + k)] != best) return false;
  }
  return true;
}

TEST(mutation, slots_used_again_too_soon_are_seen) {
  int seen = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    emulator::set_seed(seed);
    EXPECT_TRUE(steps_are_right<fault::none>()) << "seed " << seed;
    seen += steps_are_right<fault::slots>() ? 0 : 1;
  }
  EXPECT_GE(seen, 15) << "of 20 seeds";
  emulator::set_seed(1);
}

template <fault Fault>
SIRFP_KERNEL scale_kernel(const float* in, int count, float* out) {
  const auto k = static_cast<int>(device::grid_thread());
  if (Fault == fault::tail ? k <= count : k < count) out[k] = 2 * in[k];
}

template <fault Fault>
void scale(int count) {
  const device_array<float> from(std::vector<float>(static_cast<std::size_t>(count), 1.0F), nullptr);
  const device_array<float> to(count, nullptr);
  device::launch({"scale", (count + 32) / 32, 32}, nullptr, scale_kernel<Fault>, static_cast<const float*>(from.data()), count, to.data());
  EXPECT_EQ(to.to_host_sync(), std::vector<float>(static_cast<std::size_t>(count), 2.0F));
}

TEST(mutation, one_element_past_the_tail_is_seen) {
  for (const int count : {1, 31, 32, 33}) {
    scale<fault::none>(count);
#ifdef __SANITIZE_ADDRESS__
    EXPECT_DEATH(scale<fault::tail>(count), "use-after-poison");
#else
    EXPECT_THROW(scale<fault::tail>(count), emulator::kernel_error) << count;
#endif
  }
}

// X X^T of 16 channels (8 of them as columns) and 16 pixels, the pairs of X in the registers as mma wants them.
template <fault Fault>
SIRFP_KERNEL gram_kernel(const device::bf16* x, float* out) {
  const int g = device::lane_index() / 4;
  const int t = device::lane_index() % 4;
  const auto pair = [&](int channel, int pixel) { return device::pack_pair(x[channel * 16 + pixel], x[channel * 16 + pixel + 1]); };
  constexpr int second = Fault == fault::fragment ? 2 : 1;  // rows g + 8 are in a[1], columns 2t + 8 in a[2]
  device::mma_a a{};
  a.a[0] = pair(g, 2 * t);
  a.a[second] = pair(g + 8, 2 * t);
  a.a[3 - second] = pair(g, 2 * t + 8);
  a.a[3] = pair(g + 8, 2 * t + 8);
  const device::mma_b b{{pair(g, 2 * t), pair(g, 2 * t + 8)}};
  device::mma_d d{};
  device::mma_bf16(d, a, b);
  for (int i = 0; i < 4; ++i) out[device::mma_row(device::lane_index(), i) * 8 + device::mma_column(device::lane_index(), i)] = d.d[i];
}

template <fault Fault>
bool gram_is_right() {
  std::vector<device::bf16> x;
  for (int k = 0; k < 256; ++k) x.push_back(device::round_to_bf16(static_cast<float>((k * 37 + k / 16) % 17 - 8)));
  const device_array<device::bf16> from(x, nullptr);
  const device_array<float> to(128, nullptr);
  device::launch({"gram", 1, 32}, nullptr, gram_kernel<Fault>, static_cast<const device::bf16*>(from.data()), to.data());
  const std::vector<float> got = to.to_host_sync();
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 8; ++j) {
      float sum = 0;
      for (std::size_t p = 0; p < 16; ++p) sum += device::to_float(x[i * 16 + p]) * device::to_float(x[j * 16 + p]);
      if (got[i * 8 + j] != sum) return false;
    }
  return true;
}

TEST(mutation, exchanged_fragments_are_seen) {
  EXPECT_TRUE(gram_is_right<fault::none>());
  EXPECT_FALSE(gram_is_right<fault::fragment>());
}

}  // namespace
}  // namespace sirfp::test
