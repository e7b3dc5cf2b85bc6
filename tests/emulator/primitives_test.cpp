// Each primitive of the device layer against plain loops. The same file is compiled by nvcc where the build has it (gpu_primitives_test):
// on a GPU it says whether the layer, and with it the emulator's model of it, is right.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "device/async_copy.cuh"
#include "device/atomics.cuh"
#include "device/launch.cuh"
#include "device/mma.cuh"
#include "device/numbers.cuh"
#include "device/shared.cuh"
#include "device/vectors.cuh"
#include "device/warp.cuh"
#include "device_array.hpp"
#include "sirfp/dtype.hpp"

namespace sirfp::test {
namespace {

template <class T>
std::vector<T> random_values(std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(random());
  return values;
}

SIRFP_KERNEL indices_kernel(int* out) {
  out[device::grid_thread()] = device::thread_index() + 1000 * static_cast<int>(device::block_index()) + 100000 * device::lane_index();
}

TEST(primitives, every_thread_runs_once) {
  for (const int threads : {1, 31, 32, 33, 256}) {
    const device_array<int> out(7 * threads, nullptr);
    device::launch({"indices", 7, threads}, nullptr, indices_kernel, out.data());
    const std::vector<int> got = out.to_host_sync();
    for (int k = 0; k < 7 * threads; ++k)
      ASSERT_EQ(got[static_cast<std::size_t>(k)], k % threads + 1000 * (k / threads) + 100000 * (k % threads % 32)) << threads;
  }
}

// Reverses each block's values through shared memory.
SIRFP_KERNEL reverse_kernel(const std::int64_t* in, std::int64_t* out) {
  auto* const tile = device::shared_array<std::int64_t>();
  tile[device::thread_index()] = in[device::grid_thread()];
  device::block_barrier();
  out[device::grid_thread()] = tile[device::block_threads() - 1 - device::thread_index()];
}

TEST(primitives, a_barrier_orders_shared_memory) {
  for (const int threads : {1, 17, 32, 65, 512}) {
    const auto in = random_values<std::int64_t>(static_cast<std::size_t>(5 * threads), 1);
    const device_array<std::int64_t> from(in, nullptr);
    const device_array<std::int64_t> to(5 * threads, nullptr);
    device::launch({"reverse", 5, threads, static_cast<std::size_t>(threads) * 8}, nullptr, reverse_kernel,
                   static_cast<const std::int64_t*>(from.data()), to.data());
    std::vector<std::int64_t> expected = in;
    for (auto block = expected.begin(); block != expected.end(); block += threads) std::reverse(block, block + threads);
    EXPECT_EQ(to.to_host_sync(), expected) << threads;
  }
}

struct warp_results {
  std::int64_t shuffled, crossed, down, up, largest, sum;
  unsigned votes, upper_half;
};

SIRFP_KERNEL warp_kernel(const std::int64_t* in, warp_results* out) {
  const int lane = device::lane_index();
  const std::int64_t value = in[device::thread_index()];
  warp_results& mine = out[device::thread_index()];
  mine.shuffled = device::shuffle(value, (lane * 7 + 3) % 32);
  mine.crossed = device::shuffle_xor(value, 5);
  mine.down = device::shuffle_down(value, 3);
  mine.up = device::shuffle_up(value, 2);
  mine.largest = device::warp_max(value);
  mine.sum = device::warp_butterfly_sum(value >> 8);
  mine.votes = device::ballot(value > 0);
  mine.upper_half = 0;
  if (lane >= 16) mine.upper_half = device::warp_sum(static_cast<unsigned>(lane), 0xffff0000U);
}

TEST(primitives, warps_shuffle_vote_and_reduce) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const auto in = random_values<std::int64_t>(64, seed);
    const device_array<std::int64_t> from(in, nullptr);
    const device_array<warp_results> to(64, nullptr);
    device::launch({"warp", 1, 64}, nullptr, warp_kernel, static_cast<const std::int64_t*>(from.data()), to.data());
    const std::vector<warp_results> got = to.to_host_sync();
    for (std::size_t t = 0; t < 64; ++t) {
      const std::int64_t* const warp = in.data() + t / 32 * 32;
      const std::size_t lane = t % 32;
      std::int64_t sum = 0;
      unsigned votes = 0;
      for (unsigned k = 0; k < 32; ++k) sum += warp[k] >> 8, votes |= (warp[k] > 0 ? 1U : 0U) << k;
      EXPECT_EQ(got[t].shuffled, warp[(lane * 7 + 3) % 32]);
      EXPECT_EQ(got[t].crossed, warp[lane ^ 5U]);
      EXPECT_EQ(got[t].down, warp[lane + 3 > 31 ? lane : lane + 3]);
      EXPECT_EQ(got[t].up, warp[lane < 2 ? lane : lane - 2]);
      EXPECT_EQ(got[t].largest, *std::max_element(warp, warp + 32));
      EXPECT_EQ(got[t].sum, sum);
      EXPECT_EQ(got[t].votes, votes);
      EXPECT_EQ(got[t].upper_half, lane < 16 ? 0U : 376U);
    }
  }
}

struct order_results {
  std::int64_t least;
  unsigned bits;
  int swaps;
};

SIRFP_KERNEL order_kernel(const std::int64_t* in, order_results* out, int* seen) {
  device::atomic_min(&out->least, in[device::grid_thread()]);
  device::atomic_or(&out->bits, 1U << (device::grid_thread() % 32));
  for (int before = device::load_relaxed(&out->swaps);;) {  // counts by compare and swap
    const int found = device::compare_and_swap(&out->swaps, before, before + 1);
    if (found == before) break;
    before = found;
  }
  seen[device::grid_thread()] = static_cast<int>(device::grid_thread());
  device::device_fence();
}

TEST(primitives, atomics_lose_nothing) {
  const auto in = random_values<std::int64_t>(5 * 40, 9);
  const device_array<std::int64_t> from(in, nullptr);
  const device_array<order_results> to(std::vector{order_results{INT64_MAX, 0, 0}}, nullptr);
  const device_array<int> seen(5 * 40, nullptr);
  device::launch({"order", 5, 40}, nullptr, order_kernel, static_cast<const std::int64_t*>(from.data()), to.data(), seen.data());
  const order_results got = to.to_host_sync().front();
  EXPECT_EQ(got.least, *std::min_element(in.begin(), in.end()));
  EXPECT_EQ(got.bits, 0xffffffffU);
  EXPECT_EQ(got.swaps, 5 * 40);
}

SIRFP_KERNEL queue_kernel(unsigned* next, unsigned count, int* taken, std::int64_t* sum, std::uint64_t* largest) {
  for (unsigned k = device::atomic_add(next, 1U); k < count; k = device::atomic_add(next, 1U)) {
    taken[k] += 1;  // nobody else has k
    device::atomic_add(sum, std::int64_t{k} << 33);
    device::atomic_max(largest, static_cast<std::uint64_t>(k) << 40);
  }
}

TEST(primitives, a_queue_gives_each_item_once) {
  device_array<unsigned> next(1, nullptr);
  device_array<int> taken(500, nullptr);
  device_array<std::int64_t> sum(1, nullptr);
  device_array<std::uint64_t> largest(1, nullptr);
  next.zero(), taken.zero(), sum.zero(), largest.zero();
  device::launch({"queue", 6, 40}, nullptr, queue_kernel, next.data(), 500U, taken.data(), sum.data(), largest.data());
  EXPECT_EQ(taken.to_host_sync(), std::vector<int>(500, 1));
  EXPECT_EQ(sum.to_host_sync()[0], (std::int64_t{499} * 250) << 33);
  EXPECT_EQ(largest.to_host_sync()[0], std::uint64_t{499} << 40);
  EXPECT_EQ(next.to_host_sync()[0], 500U + 6 * 40);
}

// Sums of blocks exchanged across a grid barrier.
SIRFP_KERNEL grid_kernel(int* slots, int* out) {
  if (device::thread_index() == 0) slots[device::block_index()] = static_cast<int>(device::block_index()) + 1;
  device::grid_barrier();
  int sum = 0;
  for (std::int64_t b = 0; b < device::grid_blocks(); ++b) sum += slots[b];
  out[device::grid_thread()] = sum;
}

TEST(primitives, a_grid_barrier_joins_all_blocks) {
  const device_array<int> slots(6, nullptr);
  const device_array<int> out(6 * 33, nullptr);
  device::launch({"grid", 6, 33, 0, true}, nullptr, grid_kernel, slots.data(), out.data());
  EXPECT_EQ(out.to_host_sync(), std::vector<int>(6 * 33, 21));
}

// A ring of two stages; the last group is short and filled up with zeros.
SIRFP_KERNEL pipeline_kernel(const float* in, int count, float* out) {
  auto* const ring = device::shared_array<float>();  // [2][32 * 4]
  const int groups = (count + 127) / 128;
  const auto fetch = [&](int g) {
    const int first = g * 128 + device::thread_index() * 4;
    const int left = count - first;
    device::copy_16_async(ring + g % 2 * 128 + device::thread_index() * 4, in + (left > 0 ? first : 0),
                          left <= 0   ? 0
                          : left >= 4 ? 16
                                      : left * 4);
    device::commit_copies();
  };
  fetch(0);
  for (int g = 0; g < groups; ++g) {
    if (g + 1 < groups) {
      fetch(g + 1);
      device::wait_for_copies<1>();
    } else {
      device::wait_for_copies<0>();
    }
    device::block_barrier();
    for (int k = device::thread_index(); k < 128; k += 32) out[g * 128 + k] = ring[g % 2 * 128 + (127 - k)];
    device::block_barrier();
  }
}

TEST(primitives, async_copies_are_there_after_the_wait) {
  for (const int count : {1, 3, 4, 127, 128, 129, 500}) {
    std::vector<float> in;
    for (int k = 0; k < count; ++k) in.push_back(static_cast<float>(k + 1));
    const int groups = (count + 127) / 128;
    const device_array<float> from(in, nullptr);
    const device_array<float> to(groups * 128, nullptr);
    device::launch({"pipeline", 1, 32, 1024}, nullptr, pipeline_kernel, static_cast<const float*>(from.data()), count, to.data());
    const std::vector<float> got = to.to_host_sync();
    for (int g = 0; g < groups; ++g)
      for (int k = 0; k < 128; ++k) {
        const int at = g * 128 + 127 - k;
        ASSERT_EQ(got[static_cast<std::size_t>(g * 128 + k)], at < count ? in[static_cast<std::size_t>(at)] : 0.0F) << count << " " << k;
      }
  }
}

SIRFP_KERNEL words_kernel(const float* in, int count, float* out) {
  auto* const tile = device::shared_array<float>();
  const int k = device::thread_index();
  device::copy_4_async(tile + k, in + (k < count ? k : 0), k < count ? 4 : 0);
  device::commit_copies();
  device::wait_for_copies<0>();
  device::block_barrier();
  out[k] = tile[63 - k];
}

TEST(primitives, async_copies_of_words_fill_up_with_zeros) {
  std::vector<float> in;
  for (int k = 0; k < 41; ++k) in.push_back(static_cast<float>(k + 1));
  const device_array<float> from(in, nullptr);
  const device_array<float> to(64, nullptr);
  device::launch({"words", 1, 64, 256}, nullptr, words_kernel, static_cast<const float*>(from.data()), 41, to.data());
  const std::vector<float> got = to.to_host_sync();
  for (int k = 0; k < 64; ++k) EXPECT_EQ(got[static_cast<std::size_t>(k)], 63 - k < 41 ? static_cast<float>(64 - k) : 0.0F) << k;
}

// More shared memory than a kernel gets unasked, to the last byte.
SIRFP_KERNEL last_byte_kernel(int bytes, unsigned char* out) {
  auto* const all = device::shared_array<unsigned char>();
  for (int k = device::thread_index(); k < bytes; k += device::block_threads()) all[k] = static_cast<unsigned char>(k % 251);
  device::block_barrier();
  for (int k = device::thread_index(); k < bytes; k += device::block_threads()) out[k] = all[bytes - 1 - k];
}

TEST(primitives, shared_memory_beyond_48_kilobytes) {
  constexpr int bytes = 98448;  // what gram_copied takes
  const device_array<unsigned char> to(bytes, nullptr);
  device::launch({"last_byte", 1, 96, bytes}, nullptr, last_byte_kernel, bytes, to.data());
  const std::vector<unsigned char> got = to.to_host_sync();
  for (int k = 0; k < bytes; ++k) ASSERT_EQ(got[static_cast<std::size_t>(k)], (bytes - 1 - k) % 251) << k;
}

template <int Count>
SIRFP_KERNEL vectors_kernel(const std::uint32_t* in, std::uint32_t* out) {
  const auto at = device::grid_thread() * Count;
  auto value = device::load_vector<Count>(in + at);
  for (int i = 0; i < Count; ++i) value[i] ^= 0x5a5a5a5aU;
  device::store_vector(out + (device::grid_threads() - 1 - device::grid_thread()) * Count, value);
}

TEST(primitives, vectors_move_all_their_elements) {
  const auto check = [](auto kernel, std::size_t count) {
    const auto in = random_values<std::uint32_t>(64 * count, 4);
    const device_array<std::uint32_t> from(in, nullptr);
    const device_array<std::uint32_t> to(static_cast<std::int64_t>(64 * count), nullptr);
    device::launch({"vectors", 2, 32}, nullptr, kernel, static_cast<const std::uint32_t*>(from.data()), to.data());
    const std::vector<std::uint32_t> got = to.to_host_sync();
    for (std::size_t k = 0; k < 64 * count; ++k) ASSERT_EQ(got[(63 - k / count) * count + k % count], in[k] ^ 0x5a5a5a5aU) << count;
  };
  check(vectors_kernel<1>, 1);
  check(vectors_kernel<2>, 2);
  check(vectors_kernel<4>, 4);
}

SIRFP_KERNEL widen_kernel(float* f16, float* bf16) {
  for (std::int64_t k = device::grid_thread(); k < 65536; k += device::grid_threads()) {
    f16[k] = device::to_float(device::f16{static_cast<std::uint16_t>(k)});
    bf16[k] = device::to_float(device::bf16{static_cast<std::uint16_t>(k)});
  }
}

TEST(primitives, all_16_bit_values_widen_as_on_the_host) {
  const device_array<float> f16(65536, nullptr);
  const device_array<float> bf16(65536, nullptr);
  device::launch({"widen", 4, 256}, nullptr, widen_kernel, f16.data(), bf16.data());
  const std::vector<float> got_f16 = f16.to_host_sync();
  const std::vector<float> got_bf16 = bf16.to_host_sync();
  const auto same = [](float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); };
  for (std::size_t k = 0; k < 65536; ++k) {
    const float wide = f16_to_float(static_cast<std::uint16_t>(k));
    ASSERT_TRUE(same(got_f16[k], wide) || (std::isnan(got_f16[k]) && std::isnan(wide))) << "f16 " << k;
    ASSERT_TRUE(same(got_bf16[k], bf16_to_float(static_cast<std::uint16_t>(k)))) << "bf16 " << k;
  }
}

struct rounded {
  std::uint16_t f16, bf16;
  double product_and_sum;
};

SIRFP_KERNEL round_kernel(const float* in, int count, rounded* out) {
  for (auto k = static_cast<int>(device::grid_thread()); k < count; k += static_cast<int>(device::grid_threads())) {
    const auto wide = static_cast<double>(in[k]) * 1.000000001;
    out[k] = {device::round_to_f16(in[k]).bits, device::round_to_bf16(in[k]).bits,
              device::add_rounded(device::multiply_rounded(wide, wide), -wide)};
  }
}

// From the least subnormal f16 to beyond the largest, ties among them; and no multiply-add is fused.
TEST(primitives, rounding_is_that_of_the_host) {
  std::vector<float> in;
  for (const std::uint32_t bits : random_values<std::uint32_t>(4000, 8)) {
    const float value = std::bit_cast<float>((bits & 0x807fffffU) | (102 + bits / 8192 % 42) << 23);
    in.push_back(value);
    in.push_back(std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0xfffff000U));  // a tie half of the time
  }
  const auto count = static_cast<int>(in.size());
  const device_array<float> from(in, nullptr);
  const device_array<rounded> to(count, nullptr);
  device::launch({"round", 3, 64}, nullptr, round_kernel, static_cast<const float*>(from.data()), count, to.data());
  const std::vector<rounded> got = to.to_host_sync();
  for (std::size_t k = 0; k < in.size(); ++k) {
    ASSERT_EQ(got[k].f16, float_to_f16(in[k])) << in[k];
    ASSERT_EQ(got[k].bf16, float_to_bf16(in[k])) << in[k];
    const auto wide = static_cast<double>(in[k]) * 1.000000001;
    const volatile double product = wide * wide;  // volatile: the host may not fuse it either
    ASSERT_EQ(got[k].product_and_sum, product - wide) << in[k];
  }
}

enum class operands { f16, bf16, tf32 };

// A [16 x K] and B [K x 8] row by row, as floats that the type holds exactly; D [16 x 8].
SIRFP_KERNEL mma_kernel(const float* a, const float* b, float* d, operands type) {
  const int depth = type == operands::tf32 ? 8 : 16;
  const int g = device::lane_index() / 4;
  const int t = device::lane_index() % 4;
  const auto at_a = [&](int row, int column) { return a[row * depth + column]; };
  const auto at_b = [&](int row, int column) { return b[row * 8 + column]; };
  const auto narrow = [&](float value) {
    return type == operands::bf16 ? device::round_to_bf16(value).bits : device::round_to_f16(value).bits;
  };
  const auto pair = [&](float first, float second) {
    return static_cast<std::uint32_t>(narrow(first)) | static_cast<std::uint32_t>(narrow(second)) << 16;
  };
  device::mma_a left{};
  device::mma_b right{};
  for (int i = 0; i < 4; ++i) {
    const int row = g + 8 * (i % 2);
    left.a[i] = type == operands::tf32 ? device::float_to_bits(at_a(row, t + 4 * (i / 2)))
                                       : pair(at_a(row, 2 * t + 8 * (i / 2)), at_a(row, 2 * t + 1 + 8 * (i / 2)));
  }
  for (int i = 0; i < 2; ++i)
    right.b[i] =
        type == operands::tf32 ? device::float_to_bits(at_b(t + 4 * i, g)) : pair(at_b(2 * t + 8 * i, g), at_b(2 * t + 1 + 8 * i, g));
  device::mma_d sums{{1, 1, 1, 1}};
  if (type == operands::f16) device::mma_f16(sums, left, right);
  if (type == operands::bf16) device::mma_bf16(sums, left, right);
  if (type == operands::tf32) device::mma_tf32(sums, left, right);
  for (int i = 0; i < 4; ++i) d[device::mma_row(device::lane_index(), i) * 8 + device::mma_column(device::lane_index(), i)] = sums.d[i];
}

TEST(primitives, mma_is_a_matrix_product) {
  for (const operands type : {operands::f16, operands::bf16, operands::tf32}) {
    const int depth = type == operands::tf32 ? 8 : 16;
    std::mt19937 random(3);
    std::uniform_int_distribution<int> level(-8, 8);
    std::vector<float> a(static_cast<std::size_t>(16 * depth));
    std::vector<float> b(static_cast<std::size_t>(depth * 8));
    for (float& value : a) value = static_cast<float>(level(random)) / 4;
    for (float& value : b) value = static_cast<float>(level(random));
    const device_array<float> left(a, nullptr);
    const device_array<float> right(b, nullptr);
    const device_array<float> sums(128, nullptr);
    device::launch({"mma", 1, 32}, nullptr, mma_kernel, static_cast<const float*>(left.data()), static_cast<const float*>(right.data()),
                   sums.data(), type);
    const std::vector<float> got = sums.to_host_sync();
    for (int i = 0; i < 16; ++i)
      for (int j = 0; j < 8; ++j) {
        float sum = 1;
        for (int k = 0; k < depth; ++k) sum += a[static_cast<std::size_t>(i * depth + k)] * b[static_cast<std::size_t>(k * 8 + j)];
        ASSERT_EQ(got[static_cast<std::size_t>(i * 8 + j)], sum) << static_cast<int>(type) << " at " << i << ", " << j;
      }
  }
}

template <int Count, bool Transposed>
SIRFP_KERNEL matrices_kernel(std::uint32_t* out) {
  auto* const tile = device::shared_array<std::uint16_t>();  // [Count][8][8]: matrix * 256 + row * 16 + column
  for (int k = device::thread_index(); k < Count * 64; k += 32) tile[k] = static_cast<std::uint16_t>(k / 64 * 256 + k / 8 % 8 * 16 + k % 8);
  device::warp_barrier();
  std::uint32_t got[Count];
  device::load_matrices<Count, Transposed>(got, tile + device::thread_index() % (8 * Count) * 8);
  for (int m = 0; m < Count; ++m) out[device::thread_index() * Count + m] = got[m];
}

TEST(primitives, load_matrices_deals_out_rows_or_columns) {
  const auto check = [](auto kernel, int count, bool transposed) {
    const device_array<std::uint32_t> to(32 * count, nullptr);
    device::launch({"matrices", 1, 32, static_cast<std::size_t>(count) * 128}, nullptr, kernel, to.data());
    const std::vector<std::uint32_t> got = to.to_host_sync();
    for (int lane = 0; lane < 32; ++lane)
      for (int m = 0; m < count; ++m) {
        const int g = lane / 4;
        const int k = lane % 4 * 2;
        const int low = transposed ? m * 256 + k * 16 + g : m * 256 + g * 16 + k;
        const int high = transposed ? low + 16 : low + 1;
        ASSERT_EQ(got[static_cast<std::size_t>(lane * count + m)], static_cast<std::uint32_t>(low | high << 16)) << lane << " " << m;
      }
  };
  check(matrices_kernel<4, false>, 4, false);
  check(matrices_kernel<4, true>, 4, true);
  check(matrices_kernel<2, false>, 2, false);
  check(matrices_kernel<2, true>, 2, true);
}

}  // namespace
}  // namespace sirfp::test
