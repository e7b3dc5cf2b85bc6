// The pieces of sm_90a against plain loops: descriptors, the layout of boxes, barriers that count bytes, products by warpgroup. The same
// file is compiled by nvcc where the build has it (gpu_wgmma_test): on a GPU it says whether the layer, and with it the emulator's model,
// is right.
#include "device/wgmma.cuh"

#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "device/bulk_copy.cuh"
#include "device/launch.cuh"
#include "device/shared.cuh"
#include "device_array.hpp"
#include "gram_multiply.cuh"
#include "sirfp/dtype.hpp"

namespace sirfp::test {
namespace {

bool is_hopper() {
#ifdef SIRFP_EMULATED_CUDA
  return true;
#else
  return device::facts_of(0).arch == 90;
#endif
}

TEST(wgmma, descriptors_have_their_fields_where_they_belong) {
  EXPECT_EQ(device::operand_descriptor(0), 0x4000'0040'0001'0000U);
  EXPECT_EQ(device::operand_descriptor(0x400), 0x4000'0040'0001'0040U);
  EXPECT_EQ(device::operand_descriptor(0x38c20), 0x4000'0040'0001'38c2U);  // the third 16 columns of row 24 of a box at 0x38000
}

using device::f16;

constexpr int rows = 128;
constexpr std::size_t box_bytes = std::size_t{rows} * 128;

SIRFP_DEVICE unsigned char* first_box() {
  const std::uint32_t base = device::shared_address(device::shared_array<unsigned char>());
  return device::shared_array<unsigned char>((base + 64 + 1023) / 1024 * 1024 - base);
}
constexpr std::size_t shared_for(int boxes) { return 2048 + static_cast<std::size_t>(boxes) * box_bytes; }

// out[row][column] = the box that begins at (image, row, column), read as gram_multiply.cuh reads stages.
SIRFP_KERNEL box_kernel(SIRFP_GRID_CONSTANT const device::tensor_map map, int image, int row, int column, std::uint16_t* out) {
  auto* const counter = device::shared_array<device::mbarrier>();
  if (device::thread_index() == 0) device::make_mbarrier(counter, 1);
  device::block_barrier();
  if (device::thread_index() == 0) {
    device::arrive_and_expect(counter, static_cast<int>(box_bytes));
    device::copy_box_async(first_box(), map, image, row, column, counter);
  }
  device::wait_for_phase(counter, 0);
  for (int k = device::thread_index(); k < rows * 64; k += device::block_threads())
    out[k] = *reinterpret_cast<const std::uint16_t*>(first_box() + unit_offset<8>(k / 64, k % 64 / 8) + k % 8 * 2);
}

TEST(wgmma, boxes_lie_as_stages_do) {
  if (!is_hopper()) GTEST_SKIP() << "no sm_90a";
  constexpr int images = 2, channels = 150, pixels = 92, pitch = 104;  // rows padded to 16 bytes, NaN between them
  std::vector<std::uint16_t> values(static_cast<std::size_t>(images * channels * pitch), std::uint16_t{0x7fff});
  const auto at = [&](int n, int c, int p) -> std::uint16_t& { return values[static_cast<std::size_t>((n * channels + c) * pitch + p)]; };
  for (int n = 0; n < images; ++n)
    for (int c = 0; c < channels; ++c)
      for (int p = 0; p < pixels; ++p) at(n, c, p) = static_cast<std::uint16_t>(1 + (n * 31 + c) * 97 + p);
  const device_array<std::uint16_t> map_values(values, nullptr);
  const device::tensor_map map =
      device::make_tensor_map({map_values.data(), pixels, channels, images, pitch * 2, channels * pitch * 2}, rows);
  for (const int row : {0, 128})
    for (const int column : {0, 64}) {
      const device_array<std::uint16_t> out(rows * 64, nullptr);
      device::launch({"box", 1, 64, shared_for(1)}, nullptr, box_kernel, map, 1, row, column, out.data());
      const std::vector<std::uint16_t> got = out.to_host_sync();
      for (int r = 0; r < rows; ++r)
        for (int c = 0; c < 64; ++c) {
          const bool inside = row + r < channels && column + c < pixels;
          ASSERT_EQ(got[static_cast<std::size_t>(r * 64 + c)], inside ? at(1, row + r, column + c) : 0) << row + r << ", " << column + c;
        }
    }
}

// out = rows `first` to `first` + 64 of box A times box B transposed, of 64 columns each, twice: once from zero, once added.
template <class Half>
SIRFP_KERNEL product_kernel(SIRFP_GRID_CONSTANT const device::tensor_map map, int first, float* out) {
  auto* const counter = device::shared_array<device::mbarrier>();
  if (device::thread_index() == 0) device::make_mbarrier(counter, 1);
  device::block_barrier();
  unsigned char* const a = first_box();
  if (device::thread_index() == 0) {
    device::arrive_and_expect(counter, static_cast<int>(2 * box_bytes));
    device::copy_box_async(a, map, 0, 0, 0, counter);
    device::copy_box_async(a + box_bytes, map, 1, 0, 0, counter);
  }
  device::wait_for_phase(counter, 0);
  float d[64];
  const std::uint32_t rows_of_a = device::shared_address(a) + static_cast<std::uint32_t>(first * 128);
  const std::uint32_t rows_of_b = device::shared_address(a + box_bytes);
  device::begin_products();
  SIRFP_UNROLL for (std::uint32_t k = 0; k < 8; ++k) device::multiply_64_by_128<Half>(
      d, device::operand_descriptor(rows_of_a + k % 4 * 32), device::operand_descriptor(rows_of_b + k % 4 * 32), k != 0);
  device::commit_products();
  device::wait_for_products<0>();
  const int lane = device::lane_index();
  for (int k = 0; k < 64; ++k)
    out[(16 * device::warp_index() + device::mma_row(lane, k % 4)) * rows + 8 * (k / 4) + device::mma_column(lane, k % 4)] = d[k];
}

// Small whole numbers: sums are exact in any order.
template <class Half>
void expect_product() {
  std::mt19937 random(5);
  std::uniform_int_distribution<int> level(-8, 8);
  std::vector<float> numbers(2 * rows * 64);
  std::vector<Half> values;
  for (float& number : numbers) {
    number = static_cast<float>(level(random));
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(number);
    values.push_back({std::is_same_v<Half, f16> ? float_to_f16(number) : static_cast<std::uint16_t>(bits >> 16)});
  }
  const device_array<Half> placed(values, nullptr);
  const device::tensor_map map = device::make_tensor_map({placed.data(), 64, rows, 2, 128, rows * 128}, rows);
  for (const int first : {0, 64}) {
    const device_array<float> out(64 * rows, nullptr);
    device::launch({"product", 1, 128, shared_for(2)}, nullptr, product_kernel<Half>, map, first, out.data());
    const std::vector<float> got = out.to_host_sync();
    for (int i = 0; i < 64; ++i)
      for (int j = 0; j < rows; ++j) {
        float sum = 0;
        for (int k = 0; k < 64; ++k)
          sum += 2 * numbers[static_cast<std::size_t>((first + i) * 64 + k)] * numbers[static_cast<std::size_t>((rows + j) * 64 + k)];
        ASSERT_EQ(got[static_cast<std::size_t>(i * rows + j)], sum) << first + i << ", " << j;
      }
  }
}

TEST(wgmma, is_a_matrix_product) {
  if (!is_hopper()) GTEST_SKIP() << "no sm_90a";
  expect_product<device::f16>();
  expect_product<device::bf16>();
}

// One warp fills slots in turn and another empties them, neither more than two ahead.
SIRFP_KERNEL ring_kernel(int count, int* out) {
  auto* const filled = device::shared_array<device::mbarrier>();
  auto* const emptied = filled + 2;
  auto* const slots = device::shared_array<int>(64);
  if (device::thread_index() == 0)
    for (int k = 0; k < 4; ++k) device::make_mbarrier(filled + k, 32);
  device::block_barrier();
  for (int k = 0; k < count; ++k) {
    const auto parity = static_cast<unsigned>(k / 2 % 2);
    int* const slot = slots + k % 2 * 32;
    if (device::warp_index() == 0) {
      device::wait_for_phase(emptied + k % 2, parity ^ 1U);
      slot[device::lane_index()] = 100 * k + device::lane_index();
      device::arrive(filled + k % 2);
    } else {
      device::wait_for_phase(filled + k % 2, parity);
      out[k * 32 + device::lane_index()] = slot[31 - device::lane_index()];
      device::arrive(emptied + k % 2);
    }
  }
}

TEST(wgmma, barriers_hand_slots_to_and_fro) {
  if (!is_hopper()) GTEST_SKIP() << "no sm_90a";
  constexpr int count = 9;
  const device_array<int> out(count * 32, nullptr);
  device::launch({"ring", 1, 64, 64 + 256}, nullptr, ring_kernel, count, out.data());
  const std::vector<int> got = out.to_host_sync();
  for (int k = 0; k < count * 32; ++k) ASSERT_EQ(got[static_cast<std::size_t>(k)], 100 * (k / 32) + 31 - k % 32) << k;
}

}  // namespace
}  // namespace sirfp::test
