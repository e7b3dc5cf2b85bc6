// Random small networks: a seed makes a graph of convolutions, norms, sums, gates, concatenations, cuts and reshapes, some of which
// must lock what they touch.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "script_network.hpp"

namespace sirfp::test {

class random_network {
 public:
  explicit random_network(std::uint64_t seed) : random_(seed), net_(seed) {}

  torch::jit::Module build() {
    const std::int64_t inputs = pick({1, 3, 4});
    input_ = {"x", inputs, 8, 8};
    maps_.push_back(conv(input_, {.in = inputs, .out = width(), .kernel = 3, .padding = 1}));
    maps_.push_back(norm_and_activation(maps_.back()));
    const std::int64_t steps = between(4, 14);
    for (std::int64_t i = 0; i < steps; ++i) grow();
    finish();
    return net_.build(body_);
  }
  at::Tensor input() { return net_.normal({between(1, 2), input_.channels, input_.height, input_.width}); }
  const std::string& source() const { return net_.source(); }

 private:
  struct map {
    std::string name;
    std::int64_t channels = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
  };

  std::int64_t between(std::int64_t low, std::int64_t high) { return std::uniform_int_distribution<std::int64_t>(low, high)(random_); }
  std::int64_t pick(const std::vector<std::int64_t>& of) {
    return of[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(of.size()) - 1))];
  }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  std::int64_t width() { return pick({4, 6, 8, 12}); }
  std::string fresh(const std::string& stem) { return stem + std::to_string(count_++); }
  const map& any() {  // mostly the newest, so that networks become deep
    const auto last = static_cast<std::int64_t>(maps_.size()) - 1;
    return maps_[static_cast<std::size_t>(chance(0.5) ? last : between(0, last))];
  }
  const map* partner(const map& of, const std::function<bool(const map&)>& fits) {
    std::vector<const map*> found;
    for (const map& m : maps_)
      if (m.name != of.name && fits(m)) found.push_back(&m);
    return found.empty() ? nullptr : found[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(found.size()) - 1))];
  }
  static std::string n(std::int64_t v) { return std::to_string(v); }

  map emit(const std::string& expression, const map& shape) {
    map out = shape;
    out.name = fresh("t");
    body_ += "  " + out.name + " = " + expression + "\n";
    return out;
  }
  map call(const std::string& layer, const map& x, const map& shape) { return emit("self." + layer + ".forward(" + x.name + ")", shape); }

  map conv(const map& x, conv_shape c) {
    const std::string name = fresh("conv");
    net_.conv(name, c);
    const std::int64_t span = c.dilation * (c.kernel - 1);
    const auto extent = [&](std::int64_t e) {
      return c.transposed ? (e - 1) * c.stride - 2 * c.padding + span + 1 : (e + 2 * c.padding - span - 1) / c.stride + 1;
    };
    convs_.push_back({name, c});
    return call(name, x, {"", c.out, extent(x.height), extent(x.width)});
  }
  map norm_and_activation(const map& x) {
    map y = x;
    if (chance(0.6)) {
      const std::string name = fresh("norm");
      net_.batch_norm(name, x.channels);
      y = call(name, y, y);
    }
    if (chance(0.8)) y = activation(y);
    return y;
  }
  map activation(const map& x) {
    static const std::vector<std::string> plain{"torch.relu",      "torch.relu_", "torch.sigmoid", "torch.tanh", "torch.silu",
                                                "torch.hardswish", "torch.elu",   "torch.gelu",    "torch.selu", "torch.abs"};
    const std::int64_t which = between(0, static_cast<std::int64_t>(plain.size()) + 2);
    if (which < static_cast<std::int64_t>(plain.size())) return emit(plain[static_cast<std::size_t>(which)] + "(" + x.name + ")", x);
    if (which == static_cast<std::int64_t>(plain.size())) return emit("torch.leaky_relu(" + x.name + ", 0.1)", x);
    const std::string name = fresh("slope");
    net_.prelu(name, chance(0.7) ? x.channels : 1);
    return call(name, x, x);
  }

  void dense(const map& x) {
    const std::int64_t kernel = pick({1, 3});
    const std::int64_t dilation = kernel == 3 && chance(0.3) ? 2 : 1;
    const std::int64_t stride = x.height > 4 && chance(0.2) ? 2 : 1;
    keep(norm_and_activation(conv(x, {.in = x.channels,
                                      .out = chance(0.4) ? x.channels : width(),
                                      .kernel = kernel,
                                      .stride = stride,
                                      .padding = dilation * (kernel / 2),
                                      .dilation = dilation,
                                      .bias = chance(0.5)})));
  }
  void grouped(const map& x) {
    const std::int64_t groups = x.channels % 4 == 0 && chance(0.3) ? 4 : 2;
    if (x.channels % groups != 0) return;
    keep(norm_and_activation(
        conv(x, {.in = x.channels, .out = groups * pick({1, 2, 3, 4}), .kernel = 3, .padding = 1, .groups = groups, .bias = chance(0.5)})));
  }
  void depthwise(const map& x) {
    const std::int64_t multiplier = chance(0.25) ? 2 : 1;
    keep(norm_and_activation(
        conv(x, {.in = x.channels, .out = x.channels * multiplier, .kernel = 3, .padding = 1, .groups = x.channels, .bias = chance(0.5)})));
  }
  void transposed(const map& x) {
    if (x.height > 8) return;
    const double kind = std::uniform_real_distribution<double>(0, 1)(random_);
    conv_shape c{.in = x.channels, .out = width(), .kernel = 2, .stride = 2, .bias = chance(0.5), .transposed = true};
    if (kind < 0.2) c.out = c.groups = x.channels;
    if (kind > 0.7 && x.channels % 2 == 0) c.groups = 2;
    keep(norm_and_activation(conv(x, c)));
  }
  void repeated(const map& x) {  // a convolution that the network has already used, on another map
    for (std::size_t i = convs_.size(); i-- > 0;) {
      const auto& [name, c] = convs_[i];
      if (c.in != x.channels || c.stride != 1 || c.transposed) continue;
      const std::int64_t lost = c.dilation * (c.kernel - 1) - 2 * c.padding;
      keep(call(name, x, {"", c.out, x.height - lost, x.width - lost}));
      return;
    }
  }
  void sum(const map& x) {
    const map* y = partner(x, [&](const map& m) { return m.channels == x.channels && m.height == x.height; });
    if (y == nullptr) {
      keep(emit(x.name + " + " + conv(x, {.in = x.channels, .out = x.channels, .kernel = 3, .padding = 1}).name, x));
      return;
    }
    static const std::vector<std::string> joins{" + ", " - ", " * "};
    const std::int64_t which = pick({0, 0, 0, 1, 1, 2});
    const std::string right = which == 2 ? "torch.tanh(" + y->name + ")" : y->name;
    keep(emit(x.name + joins[static_cast<std::size_t>(which)] + right, x));
  }
  void gate(const map& x) {  // squeeze and excite
    map pooled = emit(chance(0.5) ? "torch.adaptive_avg_pool2d(" + x.name + ", [1, 1])" : "torch.mean(" + x.name + ", [2, 3], True)",
                      {"", x.channels, 1, 1});
    pooled = emit("torch.relu(" + conv(pooled, {.in = x.channels, .out = 4}).name + ")", {"", 4, 1, 1});
    const map scale =
        emit("torch.sigmoid(" + conv(pooled, {.in = 4, .out = chance(0.8) ? x.channels : 1}).name + ")", {"", x.channels, 1, 1});
    keep(emit(x.name + " * " + scale.name, x));
  }
  void concatenate(const map& x) {
    std::string names = x.name;
    map all = x;
    for (std::int64_t parts = between(1, 2); parts > 0 && all.channels < 24; --parts) {
      const map* y = partner(x, [&](const map& m) { return m.height == x.height && m.channels + all.channels <= 30; });
      if (y == nullptr) break;
      names += ", " + y->name;
      all.channels += y->channels;
    }
    if (names != x.name) keep(emit("torch.cat([" + names + "], 1)", all));
  }
  void cut(const map& x) {
    if (x.channels < 4 || x.channels % 2 != 0) return;
    const std::int64_t first = between(1, x.channels - 1);
    map left{"", first, x.height, x.width};
    map right{"", x.channels - first, x.height, x.width};
    switch (between(0, 4)) {
      case 0:
        keep(emit(x.name + "[:, " + n(first) + ":]", right));
        return;
      case 1:
        keep(emit("torch.narrow(" + x.name + ", 1, 0, " + n(first) + ")", left));
        return;
      case 2:
        pair("torch.split_with_sizes(" + x.name + ", [" + n(first) + ", " + n(x.channels - first) + "], 1)", left, right);
        return;
      case 3:
        left.channels = right.channels = x.channels / 2;
        pair("torch.chunk(" + x.name + ", 2, 1)", left, right);
        return;
      default:
        left.channels = right.channels = x.channels / 2;
        pair("torch.split(" + x.name + ", " + n(x.channels / 2) + ", 1)", left, right);
    }
  }
  void pair(const std::string& expression, map left, map right) {
    left.name = fresh("t");
    right.name = fresh("t");
    body_ += "  " + left.name + ", " + right.name + " = " + expression + "\n";
    keep(left);
    keep(right);
  }
  void resize(const map& x) {
    const std::int64_t half = x.height / 2;
    if (x.height >= 4 && x.height % 2 == 0 && chance(0.6)) {
      static const std::vector<std::string> pools{"torch.max_pool2d(@, [2, 2], [2, 2], [0, 0], [1, 1], False)",
                                                  "torch.avg_pool2d(@, [2, 2])"};
      keep(emit(with(pools[static_cast<std::size_t>(between(0, 1))], x), {"", x.channels, half, half}));
    } else if (x.height <= 4) {
      const std::string size = text("[", 2 * x.height, ", ", 2 * x.width, "]");
      keep(emit(chance(0.5) ? "torch.upsample_nearest2d(" + x.name + ", " + size + ")"
                            : "torch.upsample_bilinear2d(" + x.name + ", " + size + ", False)",
                {"", x.channels, 2 * x.height, 2 * x.width}));
    }
  }
  void vector_operand(const map& x) {  // a parameter along the channels, or a number
    const std::string name = fresh("scale");
    if (chance(0.3)) {
      keep(emit(x.name + " * 0.7 + 0.1", x));
      return;
    }
    net_.layer(name, {{"weight", net_.normal({1, chance(0.8) ? x.channels : 1, 1, 1})}},
               chance(0.5) ? "x * self.weight" : "self.weight - x");
    keep(call(name, x, x));
  }
  void reshape(const map& x) {
    const std::string size = text(x.height, ", ", x.width);
    switch (between(0, 3)) {
      case 0:  // channel shuffle
        if (x.channels % 2 != 0) return;
        keep(emit("torch.reshape(torch.transpose(torch.reshape(" + x.name + ", [-1, 2, " + n(x.channels / 2) + ", " + size +
                      "]), 1, 2), [-1, " + n(x.channels) + ", " + size + "])",
                  x));
        return;
      case 1: {  // tokens through a linear layer and back
        const std::string name = fresh("mlp");
        const std::int64_t out = width();
        net_.linear(name, x.channels, out, chance(0.5));
        keep(emit("torch.permute(self." + name + ".forward(torch.permute(" + x.name + ", [0, 2, 3, 1])), [0, 3, 1, 2])",
                  {"", out, x.height, x.width}));
        return;
      }
      case 2:  // flattened space and back
        keep(emit("torch.reshape(torch.flatten(" + x.name + ", 2, 3), [-1, " + n(x.channels) + ", " + size + "])", x));
        return;
      default:
        if (x.channels % 4 != 0 || x.height > 4) return;
        keep(emit("torch.pixel_shuffle(" + x.name + ", 2)", {"", x.channels / 4, 2 * x.height, 2 * x.width}));
    }
  }
  void hostile(const map& x) {  // operators that look across channels
    static const std::vector<std::string> locks{"torch.softmax(@, 1)",
                                                "torch.flip(@, [1])",
                                                "@ * torch.mean(@, 1, True)",
                                                "torch.roll(@, [1], [1])",
                                                "torch.cumsum(@, 1) * 0.2",
                                                "@ - torch.amax(@, [1], True)",
                                                "@ / (1 + torch.norm(@))",
                                                "torch.group_norm(@, 1)",
                                                "@ * torch.sigmoid(torch.sum(@))",
                                                "torch.einsum('nchw->nchw', [@])"};
    keep(emit(with(locks[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(locks.size()) - 1))], x), x));
  }
  static std::string with(std::string pattern, const map& x) {
    for (std::size_t at = pattern.find('@'); at != std::string::npos; at = pattern.find('@', at + x.name.size()))
      pattern.replace(at, 1, x.name);
    return pattern;
  }

  void keep(const map& m) { maps_.push_back(m); }
  void grow() {
    using step = void (random_network::*)(const map&);
    static const std::vector<std::pair<step, int>> steps{
        {&random_network::dense, 6},      {&random_network::grouped, 3},        {&random_network::depthwise, 3},
        {&random_network::transposed, 2}, {&random_network::repeated, 2},       {&random_network::sum, 5},
        {&random_network::gate, 2},       {&random_network::concatenate, 4},    {&random_network::cut, 3},
        {&random_network::resize, 2},     {&random_network::vector_operand, 2}, {&random_network::reshape, 2},
        {&random_network::hostile, 1}};
    int total = 0;
    for (const auto& s : steps) total += s.second;
    std::int64_t ticket = between(0, total - 1);
    const map x = any();
    for (const auto& [make, weight] : steps) {
      if (ticket < weight) {
        (this->*make)(x);
        return;
      }
      ticket -= weight;
    }
  }
  // A dense head over the newest map, or over it and another.
  void finish() {
    map x = maps_.back();
    if (chance(0.2)) {
      const bool pooled = chance(0.5);
      x = emit("torch.flatten(" + (pooled ? "torch.adaptive_avg_pool2d(" + x.name + ", [2, 2])" : x.name) + ", 1)", x);
      net_.linear("head", x.channels * (pooled ? 4 : x.height * x.width), 3, chance(0.5));
      body_ += "  return self.head.forward(" + x.name + ")\n";
      return;
    }
    if (chance(0.5)) {
      const map* y = partner(x, [&](const map& m) { return m.height == x.height; });
      if (y != nullptr) x = emit("torch.cat([" + x.name + ", " + y->name + "], 1)", {"", x.channels + y->channels, x.height, x.width});
    }
    const map head = conv(x, {.in = x.channels, .out = 3, .kernel = x.height < 3 ? 1 : pick({1, 3}), .bias = chance(0.5)});
    body_ += "  return " + head.name + "\n";
  }

  std::mt19937_64 random_;
  script_network net_;
  map input_;
  std::vector<map> maps_;
  std::vector<std::pair<std::string, conv_shape>> convs_;
  std::string body_;
  std::int64_t count_ = 0;
};

}  // namespace sirfp::test
