#include "panel_block.hpp"

#include <algorithm>

namespace sirfp {
namespace {

constexpr std::int64_t run_pixels = 128;  // 8 KiB: still in the first cache when it is dressed

// A view of the block's pixels, cut into runs.
template <class Body>
void for_each_run(std::int64_t first, std::int64_t last, const Body& body) {
  for (std::int64_t p = first; p < last; p += run_pixels) body(p, std::min(run_pixels, last - p));
}

const float* at(const float* values, std::int64_t pixel) { return values == nullptr ? nullptr : values + pixel; }

}  // namespace

void pack_panel_block(const panel_source& source, const gram_plan& plan, std::int64_t image, std::int64_t block, std::int64_t panel,
                      float* packed, block_totals& totals) {
  const std::int64_t begin = plan.block_begin(block);
  const std::int64_t end = plan.block_begin(block + 1);
  const auto slot = static_cast<std::size_t>(block * plan.padded_channels() + panel * lane_count);
  const dress_kernels& dress = *source.dress;
  double first[lane_count] = {};
  double magnitude[lane_count] = {};
  double sum[lane_count] = {};
  for_each_run(begin, end, [&](std::int64_t p, std::int64_t count) {
    float* run = packed + (p - begin) * lane_count;
    pack_pixels(source.pack, *source.features, image, panel, p, count, run);
    if (source.kind == packing::centred)
      dress.sum(run, at(source.weights, p), count, sum);
    else if (source.weights != nullptr)
      dress.weigh(run, source.roots + p, count, first, magnitude);
    else
      dress.measure(run, count, magnitude);
  });
  if (source.kind == packing::centred) {
    const double weight = totals.weight[static_cast<std::size_t>(block)];
    float* shift = totals.shift.data() + slot;
    for (std::int64_t c = 0; c < lane_count; ++c) shift[c] = weight > 0 ? static_cast<float>(sum[c] / weight) : 0.0F;
    for_each_run(begin, end, [&](std::int64_t p, std::int64_t count) {
      dress.centre(packed + (p - begin) * lane_count, shift, at(source.roots, p), count, first, magnitude);
    });
  } else if (source.weights == nullptr) {
    std::copy_n(magnitude, lane_count, first);
  }
  std::copy_n(first, lane_count, totals.first.data() + slot);
  std::copy_n(magnitude, lane_count, totals.magnitude.data() + slot);
}

}  // namespace sirfp
