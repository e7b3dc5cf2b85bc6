// Reading one operator of an op list: arguments by schema position, with defaults for what is absent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sirfp/op_list.hpp"

namespace sirfp::graph {

// "aten::relu_" -> "aten::relu"; names that end in two underscores (aten::__and__) stay.
std::string_view without_underscore(std::string_view name);
bool is_in_place(const op& o);

class op_view {
 public:
  op_view(const op_list& network, std::int32_t index) : network_(network), index_(index) {}

  const op& get() const { return network_.ops[static_cast<std::size_t>(index_)]; }
  std::int32_t index() const { return index_; }
  std::string_view name() const { return without_underscore(get().name); }
  std::string reason(std::string_view why) const;  // "aten::foo at encoder.stem: why"

  std::int32_t argument_count() const { return static_cast<std::int32_t>(get().arguments.size()); }
  const op_argument* argument(std::int32_t i) const;        // nullptr when absent or none
  std::int32_t tensor(std::int32_t i) const;                // value id, -1 when argument i is no tensor
  std::vector<std::int32_t> tensors(std::int32_t i) const;  // a list's value ids without absent ones
  std::vector<std::int32_t> all_tensors() const;            // of all arguments, in order, without repeats
  bool has_ints(std::int32_t i) const;
  std::int64_t integer(std::int32_t i, std::int64_t otherwise) const;
  std::vector<std::int64_t> ints(std::int32_t i) const;
  bool literal(std::int32_t i, std::int32_t element = 0) const;
  const size_origin* origin(std::int32_t i, std::int32_t element = 0) const;
  bool boolean(std::int32_t i, bool otherwise) const;

  const std::vector<std::int64_t>& shape(std::int32_t value) const { return network_.values[static_cast<std::size_t>(value)].shape; }
  std::int32_t rank(std::int32_t value) const { return static_cast<std::int32_t>(shape(value).size()); }
  std::int64_t extent(std::int32_t value, std::int32_t axis) const { return shape(value)[static_cast<std::size_t>(axis)]; }
  std::int32_t output(std::size_t i = 0) const { return get().outputs[i]; }

 private:
  const op_list& network_;
  std::int32_t index_;
};

std::int64_t product(const std::vector<std::int64_t>& extents);
// -1 -> rank - 1
inline std::int32_t wrapped(std::int64_t axis, std::int32_t rank) { return static_cast<std::int32_t>(axis < 0 ? axis + rank : axis); }

// What the convolution operators of all names have in common.
struct convolution_arguments {
  std::int32_t input, weight, bias;  // value ids, bias -1 when absent
  std::int32_t axis;                 // of the input's channels: also right for a sample without a batch axis
  bool transposed;
  std::int64_t groups;
  std::int32_t groups_argument;
};
bool is_convolution(std::string_view name);  // name without underscore
convolution_arguments convolution_of(const op_view& o);

}  // namespace sirfp::graph
