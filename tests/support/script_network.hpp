// A small TorchScript network made layer by layer: each layer a submodule with parameters and a forward of its own, the top's forward
// given as source. All parameters are double and drawn from one seed.
#pragma once

#include <torch/script.h>

#include <string>
#include <utility>
#include <vector>

#include "sirfp/expects.hpp"

namespace sirfp::test {

struct conv_shape {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  bool transposed = false;
};

class script_network {
 public:
  explicit script_network(std::uint64_t seed)
      : random_(at::detail::createCPUGenerator(seed)),
        unit_(std::make_shared<torch::jit::CompilationUnit>()),
        top_(c10::QualifiedName("__torch__.network"), unit_, true) {
    top_.register_attribute("training", c10::BoolType::get(), false);
  }

  at::Tensor normal(at::IntArrayRef shape) { return at::randn(shape, random_, at::kDouble); }
  at::Tensor uniform(at::IntArrayRef shape, double low, double high) { return at::rand(shape, random_, at::kDouble) * (high - low) + low; }

  struct slot {
    std::string name;
    at::Tensor value;
    bool buffer = false;
  };
  // `expression` of x and self.<slot>.
  void layer(const std::string& name, const std::vector<slot>& slots, const std::string& expression) {
    torch::jit::Module module(c10::QualifiedName("__torch__.layer"), unit_, true);
    module.register_attribute("training", c10::BoolType::get(), false);
    for (const slot& s : slots) {
      if (s.value.defined()) {
        module.register_parameter(s.name, s.value, s.buffer);
      } else {
        module.register_attribute(s.name, c10::NoneType::get(), c10::IValue(), true);
      }
      source_ += "# " + name + "." + s.name + " " + (s.value.defined() ? c10::str(s.value.sizes()) : "None") + "\n";
    }
    module.define("def forward(self, x):\n  return " + expression + "\n");
    source_ += "# " + name + "(x) = " + expression + "\n";
    top_.register_module(name, module);
  }
  void top_tensor(const std::string& name, const at::Tensor& value, bool buffer = false) { top_.register_parameter(name, value, buffer); }

  void conv(const std::string& name, const conv_shape& c) {
    const std::vector<std::int64_t> shape = c.transposed ? std::vector<std::int64_t>{c.in, c.out / c.groups, c.kernel, c.kernel}
                                                         : std::vector<std::int64_t>{c.out, c.in / c.groups, c.kernel, c.kernel};
    const double fan_in = static_cast<double>(c.in / c.groups * c.kernel * c.kernel);
    const auto pair = [](std::int64_t v) { return text("[", v, ", ", v, "]"); };
    const std::string arguments = "x, self.weight, self.bias, " + pair(c.stride) + ", " + pair(c.padding);
    const std::string groups = std::to_string(c.groups);
    layer(name, {{"weight", normal(shape) / std::sqrt(fan_in)}, {"bias", c.bias ? normal({c.out}) * 0.3 : at::Tensor()}},
          c.transposed ? "torch.conv_transpose2d(" + arguments + ", " + pair(0) + ", " + groups + ", " + pair(c.dilation) + ")"
                       : "torch.conv2d(" + arguments + ", " + pair(c.dilation) + ", " + groups + ")");
  }
  void batch_norm(const std::string& name, std::int64_t channels) {
    layer(name,
          {{"weight", normal({channels})},
           {"bias", normal({channels}) * 0.3},
           {"running_mean", normal({channels}) * 0.3, true},
           {"running_var", uniform({channels}, 0.5, 2), true}},
          "torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, False, 0.1, 1e-5, True)");
  }
  void linear(const std::string& name, std::int64_t in, std::int64_t out, bool bias = true) {
    layer(name, {{"weight", normal({out, in}) / std::sqrt(static_cast<double>(in))}, {"bias", bias ? normal({out}) * 0.3 : at::Tensor()}},
          "torch.linear(x, self.weight, self.bias)");
  }
  void prelu(const std::string& name, std::int64_t slopes) {
    layer(name, {{"weight", uniform({slopes}, -0.5, 0.5)}}, "torch.prelu(x, self.weight)");
  }

  // `body`: the lines of forward(self, x), each ended by a newline and indented by two.
  torch::jit::Module build(const std::string& body) {
    source_ += "def forward(self, x):\n" + body;
    top_.define("def forward(self, x):\n" + body);
    return top_;
  }
  const std::string& source() const noexcept { return source_; }

 private:
  at::Generator random_;
  std::shared_ptr<torch::jit::CompilationUnit> unit_;
  torch::jit::Module top_;
  std::string source_;
};

}  // namespace sirfp::test
