#include "graph/liveness.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string_view>

#include "graph/op_view.hpp"

namespace sirfp::graph {
namespace {

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

// Operators whose outputs are, or may be, views of their first argument.
bool shares_memory(std::string_view name) {
  static constexpr std::string_view names[] = {"aten::alias",      "aten::broadcast_to",  "aten::chunk",
                                               "aten::contiguous", "aten::detach",        "aten::dropout",
                                               "aten::expand",     "aten::expand_as",     "aten::feature_dropout",
                                               "aten::flatten",    "aten::lift_fresh",    "aten::movedim",
                                               "aten::narrow",     "aten::permute",       "aten::ravel",
                                               "aten::reshape",    "aten::reshape_as",    "aten::select",
                                               "aten::slice",      "aten::split",         "aten::split_with_sizes",
                                               "aten::squeeze",    "aten::swapaxes",      "aten::swapdims",
                                               "aten::t",          "aten::tensor_split",  "aten::to",
                                               "aten::transpose",  "aten::type_as",       "aten::unbind",
                                               "aten::unflatten",  "aten::unsqueeze",     "aten::view",
                                               "aten::view_as",    "aten::_unsafe_view",  "aten::_reshape_alias",
                                               "aten::numpy_T",    "aten::diagonal",      "aten::as_strided",
                                               "aten::unfold",     "aten::alpha_dropout", "aten::feature_alpha_dropout",
                                               "aten::moveaxis",   "aten::real",          "aten::squeeze_copy"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::vector<std::int32_t> memory_of(const op_list& network) {
  std::vector<std::int32_t> memory(network.values.size());
  std::iota(memory.begin(), memory.end(), 0);
  for (std::size_t i = 0; i < network.ops.size(); ++i) {
    const op_view o(network, static_cast<std::int32_t>(i));
    const std::int32_t first = o.tensor(0);
    if (first < 0 || !(is_in_place(o.get()) || shares_memory(o.name()))) continue;
    for (std::int32_t out : o.get().outputs) memory[at(out)] = memory[at(first)];
  }
  return memory;
}

}  // namespace

liveness find_live(const op_list& network) {
  liveness found{std::vector<std::uint8_t>(network.ops.size(), 0), memory_of(network), {}};
  // Backwards: an operator is live if a value of its is needed, or if it writes into memory that something live reads after it.
  std::vector<std::uint8_t> needed(network.values.size(), 0), memory_read(network.values.size(), 0);
  const auto need = [&](std::int32_t value) {
    needed[at(value)] = 1;
    memory_read[at(found.memory[at(value)])] = 1;
  };
  for (std::int32_t out : network.outputs) need(out);
  for (std::size_t i = network.ops.size(); i-- > 0;) {
    const op_view o(network, static_cast<std::int32_t>(i));
    const auto& outs = o.get().outputs;
    const bool writes = is_in_place(o.get()) && o.tensor(0) >= 0 && memory_read[at(found.memory[at(o.tensor(0))])];
    if (!writes && std::none_of(outs.begin(), outs.end(), [&](std::int32_t v) { return needed[at(v)] != 0; })) continue;
    found.live[i] = 1;
    for (std::int32_t v : o.all_tensors()) need(v);
  }
  // Forwards: who reads an older name of memory that has been written since?
  std::vector<std::int32_t> written_by(network.values.size(), -1), defined(network.values.size(), -1);
  const auto read = [&](std::int32_t value) {
    const std::int32_t writer = written_by[at(found.memory[at(value)])];
    if (writer > defined[at(value)]) found.traps.push_back(writer);
  };
  for (std::size_t i = 0; i < network.ops.size(); ++i) {
    const op_view o(network, static_cast<std::int32_t>(i));
    for (std::int32_t out : o.get().outputs) defined[at(out)] = o.index();
    if (!found.live[i]) continue;
    for (std::int32_t v : o.all_tensors()) read(v);
    if (is_in_place(o.get()) && o.tensor(0) >= 0) written_by[at(found.memory[at(o.tensor(0))])] = o.index();
  }
  for (std::int32_t out : network.outputs) read(out);
  return found;
}

}  // namespace sirfp::graph
