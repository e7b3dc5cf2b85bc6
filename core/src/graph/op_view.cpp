#include "graph/op_view.hpp"

#include <algorithm>

#include "sirfp/expects.hpp"

namespace sirfp::graph {

std::string_view without_underscore(std::string_view name) {
  return name.ends_with('_') && !name.ends_with("__") ? name.substr(0, name.size() - 1) : name;
}

bool is_in_place(const op& o) { return without_underscore(o.name).size() != o.name.size(); }

std::string op_view::reason(std::string_view why) const {
  const op& o = get();
  return o.place.empty() ? text(o.name, ": ", why) : text(o.name, " at ", o.place, ": ", why);
}

const op_argument* op_view::argument(std::int32_t i) const {
  if (i < 0 || i >= argument_count()) return nullptr;
  const op_argument& a = get().arguments[static_cast<std::size_t>(i)];
  return a.type == op_argument::kind::none ? nullptr : &a;
}

std::int32_t op_view::tensor(std::int32_t i) const {
  const op_argument* a = argument(i);
  return a && a->type == op_argument::kind::tensor && !a->values.empty() ? a->values[0] : -1;
}

std::vector<std::int32_t> op_view::tensors(std::int32_t i) const {
  std::vector<std::int32_t> found;
  if (const op_argument* a = argument(i))
    std::copy_if(a->values.begin(), a->values.end(), std::back_inserter(found), [](auto v) { return v >= 0; });
  return found;
}

std::vector<std::int32_t> op_view::all_tensors() const {
  std::vector<std::int32_t> found;
  for (std::int32_t i = 0; i < argument_count(); ++i) {
    for (std::int32_t v : tensors(i)) {
      if (std::find(found.begin(), found.end(), v) == found.end()) found.push_back(v);
    }
  }
  return found;
}

bool op_view::has_ints(std::int32_t i) const {
  const op_argument* a = argument(i);
  return a && a->type == op_argument::kind::ints && !a->ints.empty();
}

std::int64_t op_view::integer(std::int32_t i, std::int64_t otherwise) const { return has_ints(i) ? argument(i)->ints[0] : otherwise; }

std::vector<std::int64_t> op_view::ints(std::int32_t i) const { return has_ints(i) ? argument(i)->ints : std::vector<std::int64_t>{}; }

bool op_view::literal(std::int32_t i, std::int32_t element) const {
  const op_argument* a = argument(i);
  if (!a) return false;
  return static_cast<std::size_t>(element) >= a->literal.size() || a->literal[static_cast<std::size_t>(element)] != 0;
}

const size_origin* op_view::origin(std::int32_t i, std::int32_t element) const {
  const op_argument* a = argument(i);
  return a && static_cast<std::size_t>(element) < a->origins.size() ? &a->origins[static_cast<std::size_t>(element)] : nullptr;
}

bool op_view::boolean(std::int32_t i, bool otherwise) const {
  const op_argument* a = argument(i);
  return a && !a->ints.empty() ? a->ints[0] != 0 : otherwise;
}

std::int64_t product(const std::vector<std::int64_t>& extents) {
  std::int64_t all = 1;
  for (std::int64_t extent : extents) all *= extent;
  return all;
}

bool is_convolution(std::string_view name) {
  static constexpr std::string_view names[] = {"aten::conv1d",           "aten::conv2d",           "aten::conv3d",
                                               "aten::conv_transpose1d", "aten::conv_transpose2d", "aten::conv_transpose3d",
                                               "aten::convolution",      "aten::_convolution"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

convolution_arguments convolution_of(const op_view& o) {
  const bool general = o.name().ends_with("convolution");  // transposed is an argument
  convolution_arguments c{};
  c.input = o.tensor(0);
  c.weight = o.tensor(1);
  c.bias = o.tensor(2);
  SIRFP_EXPECTS(c.input >= 0 && c.weight >= 0 && o.rank(c.weight) >= 3 && o.rank(c.input) + 1 >= o.rank(c.weight),
                o.reason("expected an input and a weight of a convolution"));
  c.axis = o.rank(c.input) - (o.rank(c.weight) - 1);
  c.transposed = general ? o.boolean(6, false) : o.name().starts_with("aten::conv_transpose");
  c.groups_argument = general ? 8 : 6;
  c.groups = o.integer(c.groups_argument, 1);
  return c;
}

}  // namespace sirfp::graph
