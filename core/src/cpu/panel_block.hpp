// One panel of one block: packed, weighted or centred, with its totals.
#pragma once

#include <cstdint>

#include "gram.hpp"
#include "panel_dress.hpp"
#include "panel_pack.hpp"

namespace sirfp {

struct panel_source {
  const feature_view* features = nullptr;
  packing kind = packing::raw;
  pack_kernel pack = nullptr;
  const dress_kernels* dress = nullptr;
  const float* weights = nullptr;  // of the image at hand; null = 1
  const float* roots = nullptr;    // their square roots
};

// Writes 16 floats for each of the block's pixels, and the panel's entries of `totals`.
void pack_panel_block(const panel_source& source, const gram_plan& plan, std::int64_t image, std::int64_t block, std::int64_t panel,
                      float* packed, block_totals& totals);

}  // namespace sirfp
