// Op lists by hand: each call adds one operator and returns its output's value id; shapes are worked out for batch 1.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sirfp/op_list.hpp"

namespace sirfp::test {

using shape = std::vector<std::int64_t>;

inline op_argument tensor(std::int32_t id) { return {.type = op_argument::kind::tensor, .values = {id}}; }
inline op_argument tensors(std::vector<std::int32_t> ids) { return {.type = op_argument::kind::tensors, .values = std::move(ids)}; }
inline op_argument ints(std::vector<std::int64_t> numbers) {
  std::vector<std::uint8_t> literal(numbers.size(), 1);
  return {.type = op_argument::kind::ints, .ints = std::move(numbers), .literal = std::move(literal)};
}
inline op_argument computed(std::vector<std::int64_t> numbers, std::vector<size_origin> origins = {}) {
  std::vector<std::uint8_t> literal(numbers.size(), 0);
  return {.type = op_argument::kind::ints, .ints = std::move(numbers), .literal = std::move(literal), .origins = std::move(origins)};
}
inline op_argument flag(bool on) { return {.type = op_argument::kind::boolean, .ints = {on ? 1 : 0}, .literal = {1}}; }
inline op_argument real(double number) { return {.type = op_argument::kind::floats, .floats = {number}, .literal = {1}}; }
inline op_argument nothing() { return {}; }

struct conv_options {
  std::int64_t kernel = 1;
  std::int64_t groups = 1;
  bool bias = false;
  bool transposed = false;  // stride = kernel
};

class op_list_builder {
 public:
  std::int32_t input(shape extents, const std::string& name = "x") {
    list_.inputs.push_back(value(op_value::role::activation, name, std::move(extents)));
    return list_.inputs.back();
  }
  std::int32_t parameter(const std::string& name, shape extents, op_value::role kind = op_value::role::parameter) {
    for (std::size_t v = 0; v < list_.values.size(); ++v) {
      if (list_.values[v].kind != op_value::role::activation && list_.values[v].name == name) return static_cast<std::int32_t>(v);
    }
    return value(kind, name, std::move(extents));
  }
  std::vector<std::int32_t> make(const std::string& name, const std::string& place, std::vector<op_argument> arguments,
                                 const std::vector<shape>& outputs) {
    std::vector<std::int32_t> ids;
    for (const shape& s : outputs) ids.push_back(value(op_value::role::activation, place + ".out", s));
    list_.ops.push_back({name, place, std::move(arguments), ids});
    return ids;
  }
  std::int32_t one(const std::string& name, const std::string& place, std::vector<op_argument> arguments, shape output) {
    return make(name, place, std::move(arguments), {std::move(output)})[0];
  }

  std::int32_t conv(const std::string& place, std::int32_t x, std::int64_t out, const conv_options& c = {}) {
    const shape in = extents(x);
    const shape side = c.transposed ? shape{in[1], out / c.groups} : shape{out, in[1] / c.groups};
    const auto weight = parameter(place + ".weight", {side[0], side[1], c.kernel, c.kernel});
    const op_argument bias = c.bias ? tensor(parameter(place + ".bias", {out})) : nothing();
    const std::int64_t grow = c.transposed ? c.kernel : 1, pad = c.transposed ? 0 : c.kernel / 2;
    return one("aten::_convolution", place,
               {tensor(x), tensor(weight), bias, ints({grow, grow}), ints({pad, pad}), ints({1, 1}), flag(c.transposed), ints({0, 0}),
                ints({c.groups}), flag(false), flag(false), flag(true), flag(true)},
               {in[0], out, in[2] * grow, in[3] * grow});
  }
  std::int32_t batch_norm(const std::string& place, std::int32_t x) {
    const std::int64_t c = extents(x)[1];
    std::vector<op_argument> arguments{tensor(x)};
    for (const char* vector : {".weight", ".bias"}) arguments.push_back(tensor(parameter(place + vector, {c})));
    for (const char* vector : {".running_mean", ".running_var"})
      arguments.push_back(tensor(parameter(place + vector, {c}, op_value::role::buffer)));
    arguments.insert(arguments.end(), {flag(false), real(0.1), real(1e-5), flag(true)});
    return one("aten::batch_norm", place, std::move(arguments), extents(x));
  }
  std::int32_t linear(const std::string& place, std::int32_t x, std::int64_t out) {
    shape made = extents(x);
    const auto weight = parameter(place + ".weight", {out, made.back()}), bias = parameter(place + ".bias", {out});
    made.back() = out;
    return one("aten::linear", place, {tensor(x), tensor(weight), tensor(bias)}, made);
  }
  std::int32_t relu(std::int32_t x) { return one("aten::relu_", "relu", {tensor(x)}, extents(x)); }
  std::int32_t unary(const std::string& name, std::int32_t x) { return one(name, name.substr(6), {tensor(x)}, extents(x)); }
  std::int32_t binary(const std::string& name, std::int32_t a, std::int32_t b) {
    shape made = extents(a);
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = std::max(made[i], extents(b)[i]);
    return one(name, name.substr(6), {tensor(a), tensor(b)}, made);
  }
  std::int32_t add(std::int32_t a, std::int32_t b) { return binary("aten::add", a, b); }
  std::int32_t cat(const std::vector<std::int32_t>& parts) {
    shape made = extents(parts[0]);
    made[1] = 0;
    for (std::int32_t p : parts) made[1] += extents(p)[1];
    return one("aten::cat", "cat", {tensors(parts), ints({1})}, made);
  }
  std::int32_t pool(std::int32_t x) {
    return one("aten::adaptive_avg_pool2d", "pool", {tensor(x), ints({1, 1})}, {extents(x)[0], extents(x)[1], 1, 1});
  }

  const shape& extents(std::int32_t id) const { return list_.values[static_cast<std::size_t>(id)].shape; }
  op_list finish(std::vector<std::int32_t> outputs) {
    list_.outputs = std::move(outputs);
    return list_;
  }

 private:
  std::int32_t value(op_value::role kind, const std::string& name, shape extents) {
    list_.values.push_back({kind, name, std::move(extents)});
    return static_cast<std::int32_t>(list_.values.size()) - 1;
  }
  op_list list_;
};

}  // namespace sirfp::test
