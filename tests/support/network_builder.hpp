// Writes op lists by hand, operator by operator, as a front end would for a float32 network.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sirfp/op_list.hpp"

namespace sirfp::test {

class network_builder {
 public:
  std::int32_t input(std::vector<std::int64_t> shape) {
    const std::int32_t id = value(op_value::role::activation, "x", std::move(shape));
    network_.inputs.push_back(id);
    return id;
  }
  void output(std::int32_t id) { network_.outputs.push_back(id); }

  struct conv_options {
    std::int64_t kernel = 3;
    std::int64_t stride = 1;
    std::int64_t groups = 1;
    bool bias = false;
  };
  // Padding keeps the size at stride 1.
  std::int32_t conv(const std::string& place, std::int32_t x, std::int64_t out, const conv_options& options) {
    const std::vector<std::int64_t> in = shape(x);
    const std::int64_t k = options.kernel, s = options.stride, pad = k / 2;
    const std::int32_t weight = value(op_value::role::parameter, place + ".weight", {out, in[1] / options.groups, k, k});
    const op_argument bias = options.bias ? tensor(value(op_value::role::parameter, place + ".bias", {out})) : op_argument{};
    return add_op("aten::conv2d", place,
                  {tensor(x), tensor(weight), bias, ints({s, s}), ints({pad, pad}), ints({1, 1}), ints({options.groups})},
                  {in[0], out, (in[2] + 2 * pad - k) / s + 1, (in[3] + 2 * pad - k) / s + 1});
  }
  std::int32_t batch_norm(const std::string& place, std::int32_t x) {
    const std::int64_t c = shape(x)[1];
    return add_op(
        "aten::batch_norm", place,
        {tensor(x), tensor(value(op_value::role::parameter, place + ".weight", {c})),
         tensor(value(op_value::role::parameter, place + ".bias", {c})),
         tensor(value(op_value::role::buffer, place + ".running_mean", {c})),
         tensor(value(op_value::role::buffer, place + ".running_var", {c})), boolean(false), floats(0.1), floats(1e-5), boolean(true)},
        shape(x));
  }
  std::int32_t relu(const std::string& place, std::int32_t x) { return add_op("aten::relu", place, {tensor(x)}, shape(x)); }
  std::int32_t add(const std::string& place, std::int32_t a, std::int32_t b) {
    return add_op("aten::add", place, {tensor(a), tensor(b), ints({1})}, shape(a));
  }
  std::int32_t cat(const std::string& place, const std::vector<std::int32_t>& parts) {
    std::vector<std::int64_t> joined = shape(parts[0]);
    joined[1] = 0;
    for (const std::int32_t part : parts) joined[1] += shape(part)[1];
    op_argument list;
    list.type = op_argument::kind::tensors;
    list.values = parts;
    return add_op("aten::cat", place, {list, ints({1})}, joined);
  }

  const std::vector<std::int64_t>& shape(std::int32_t id) const { return network_.values[static_cast<std::size_t>(id)].shape; }
  op_list build() const { return network_; }

 private:
  std::int32_t value(op_value::role kind, const std::string& name, std::vector<std::int64_t> shape) {
    op_value made;
    made.kind = kind;
    made.name = name;
    made.shape = std::move(shape);
    network_.values.push_back(std::move(made));
    return static_cast<std::int32_t>(network_.values.size() - 1);
  }
  std::int32_t add_op(const std::string& name, const std::string& place, std::vector<op_argument> arguments,
                      std::vector<std::int64_t> shape) {
    const std::int32_t out = value(op_value::role::activation, place + ".out", std::move(shape));
    op made;
    made.name = name;
    made.place = place;
    made.arguments = std::move(arguments);
    made.outputs = {out};
    network_.ops.push_back(std::move(made));
    return out;
  }
  static op_argument tensor(std::int32_t id) {
    op_argument a;
    a.type = op_argument::kind::tensor;
    a.values = {id};
    return a;
  }
  static op_argument ints(std::vector<std::int64_t> values) {
    op_argument a;
    a.type = op_argument::kind::ints;
    a.literal.assign(values.size(), 1);
    a.ints = std::move(values);
    return a;
  }
  static op_argument boolean(bool value) {
    op_argument a;
    a.type = op_argument::kind::boolean;
    a.ints = {value ? 1 : 0};
    a.literal = {1};
    return a;
  }
  static op_argument floats(double value) {
    op_argument a;
    a.type = op_argument::kind::floats;
    a.floats = {value};
    return a;
  }
  op_list network_;
};

}  // namespace sirfp::test
