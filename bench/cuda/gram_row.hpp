// What rows of similarity and moments have in common: their bytes and products, and their error against fp64.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../../tests/support/packed_error.hpp"
#include "cold_row.hpp"
#include "random_fill.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::bench {

// Whole tiles of the lower triangle, 2 operations a product; `terms` products of 16 bits stand for one of fp32.
inline double gram_flop(const feature_view& view, int terms) {
  const double side = view.channels < 128 ? 64 : 128;
  const double rows = static_cast<double>((view.channels + static_cast<std::int64_t>(side) - 1) / static_cast<std::int64_t>(side));
  return 2.0 * terms * static_cast<double>(view.images * view.pixels()) * side * side * rows * (rows + 1) / 2;
}
inline double map_bytes(const feature_view& view) {
  return static_cast<double>(view.images * view.channels * view.pixels()) * static_cast<double>(size_of(view.type));
}

inline std::string row_name(const char* what, const feature_view& view, const char* how = "") {
  return text(what, "/", name_of(view.type), how, "/N:", view.images, "/C:", view.channels, "/P:", view.pixels());
}

inline double worst_error(const std::vector<double>& got, const std::vector<double>& exact, std::int64_t channels) {
  return test::error_of(got, exact, channels).worst;
}

}  // namespace sirfp::bench
