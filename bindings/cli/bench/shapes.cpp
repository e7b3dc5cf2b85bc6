#include "shapes.hpp"

#include <algorithm>
#include <sstream>

#include "shape_text.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/nearest.hpp"

namespace sirfp::cli {
namespace {

constexpr std::string_view columns = "layer\tchannels\theight\twidth\tstride\torder";

layer_shape parse_layer(const std::string& line, const std::string& where) {
  std::istringstream fields(line);
  layer_shape layer;
  std::string order;
  std::string more;
  std::getline(fields, layer.name, '\t');
  fields >> layer.channels >> layer.height >> layer.width >> layer.stride >> order;
  SIRFP_EXPECTS(fields && !(fields >> more), where, ": ", line, ": expected the columns ", columns);
  SIRFP_EXPECTS(layer.channels > 0 && layer.height > 0 && layer.width > 0 && layer.stride >= 0, where, ": ", line,
                ": expected positive extents");
  SIRFP_EXPECTS(order == "nchw" || order == "channels_last", where, ": order ", order, ", expected nchw or channels_last");
  layer.channels_last = order == "channels_last";
  return layer;
}

void resize(layer_shape& layer, const picture_size& size) {
  if (layer.stride == 0) return;
  layer.height = (size.height + layer.stride - 1) / layer.stride;
  layer.width = (size.width + layer.stride - 1) / layer.stride;
}

bool same_kind(const layer_shape& a, const layer_shape& b) {
  return a.channels == b.channels && a.height == b.height && a.width == b.width && a.channels_last == b.channels_last;
}

}  // namespace

std::vector<std::string> shape_table_names() {
  std::vector<std::string> names;
  for (const shape_text& table : shape_texts) names.emplace_back(table.name);
  return names;
}

shape_table parse_shapes(std::string_view name, std::string_view text) {
  shape_table table{std::string(name), {}, {}};
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string where = sirfp::text("bench/shapes/", name, ".tsv:", number);
    if (number == 1) {
      SIRFP_EXPECTS(line.starts_with("# "), where, ": expected a line with # and where the shapes are from");
      table.origin = line.substr(2);
    } else if (number == 2) {
      SIRFP_EXPECTS(line == columns, where, ": ", line, ": expected ", columns);
    } else {
      table.layers.push_back(parse_layer(line, where));
    }
  }
  SIRFP_EXPECTS(!table.layers.empty(), "bench/shapes/", name, ".tsv: no layer in it");
  return table;
}

shape_table shapes_of(const std::string& name, const std::optional<picture_size>& size) {
  const auto found = std::find_if(shape_texts.begin(), shape_texts.end(), [&](const shape_text& table) { return table.name == name; });
  if (found == shape_texts.end())
    throw invalid_argument(text("--network ", name, ": no such table of shapes; did you mean ", nearest(name, shape_table_names()), "?"));
  SIRFP_EXPECTS(!size || name != typical_shapes, "--size: single layers have the size of their networks; expected --network with it");
  shape_table table = parse_shapes(name, found->content);
  if (size)
    for (layer_shape& layer : table.layers) resize(layer, *size);
  return table;
}

std::vector<map_kind> distinct_maps(const std::vector<layer_shape>& layers) {
  std::vector<map_kind> kinds;
  for (const layer_shape& layer : layers) {
    auto known = std::find_if(kinds.begin(), kinds.end(), [&](const map_kind& kind) { return same_kind(kind.shape, layer); });
    if (known == kinds.end()) known = kinds.insert(kinds.end(), {layer, {}});
    known->layers.push_back(layer.name);
  }
  return kinds;
}

}  // namespace sirfp::cli
