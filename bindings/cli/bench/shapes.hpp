// Which maps the benchmark makes: the tables of bench/shapes, built into the program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "picture.hpp"

namespace sirfp::cli {

struct layer_shape {
  std::string name;
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t stride = 0;     // of the input's height and width; 0: the map is as large for any input
  bool channels_last = false;  // tokens too
  std::int64_t pixels() const noexcept { return height * width; }
};

struct shape_table {
  std::string name;
  std::string origin;
  std::vector<layer_shape> layers;  // in the order in which the network makes them
};

// Single layers of several networks, for want of one.
inline constexpr const char* typical_shapes = "typical";
inline constexpr picture_size table_size = {1024, 2048};  // the input that the tables are written for

std::vector<std::string> shape_table_names();
// The table's text to numbers. Throws invalid_argument naming table and line.
shape_table parse_shapes(std::string_view name, std::string_view text);
// The table of a network for inputs of `size`: a map of stride s has ceil(height / s) x ceil(width / s) pixels. Throws invalid_argument: a
// name that is not there (says the nearest), a size for single layers.
shape_table shapes_of(const std::string& name, const std::optional<picture_size>& size);

// Layers whose maps are of one kind, and so take the same time.
struct map_kind {
  layer_shape shape;                // of the first of them
  std::vector<std::string> layers;  // names
};
// In the order of their first layers.
std::vector<map_kind> distinct_maps(const std::vector<layer_shape>& layers);

}  // namespace sirfp::cli
