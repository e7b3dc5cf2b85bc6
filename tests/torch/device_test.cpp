// A network's passes on another device than its weights. Torch's meta device, which computes shapes, stands for a GPU: it mixes with host
// tensors as little.
#include "sirfp/adapter/device.hpp"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <gtest/gtest.h>
#include <torch/library.h>

#include "../../bindings/torch/src/stepper.hpp"
#include "../support/error_text.hpp"
#include "../support/plain_network.hpp"
#include "sirfp/adapter/capture.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

// Everything that a pass may read: parameter, list of parameters, constant, a device named in the code, sizes computed from tensors.
adapter::network network_on(c10::Device device) {
  at::manual_seed(1);
  auto module = plain_network()
                    .tensor("weight", at::randn({4, 3}))
                    .tensor("shift", at::randn({4}))
                    .attribute("more", c10::ListType::ofTensors(), c10::List<at::Tensor>({at::randn({4}), at::randn({1})}))
                    .define(
                        "def forward(self, x):\n"
                        "  y = torch.linear(x.permute([0, 2, 3, 1]), self.weight) + self.shift\n"
                        "  y = y * self.more[0] + self.more[1] * torch.tensor([1., 2., 3., 4.])\n"
                        "  y = y + torch.ones([x.size(0), 1, 1, 1], device=torch.device(\"cpu\"))\n"
                        "  return torch.sin(y.permute([0, 3, 1, 2]).view([x.size(0), -1, x.size(2), x.size(3)]))\n");
  adapter::network net = adapter::load_network(module);
  net.place = std::make_shared<adapter::placement>(device);
  return net;
}

TEST(device, whatever_a_pass_reads_goes_there) {
  const adapter::network net = network_on(c10::kMeta);
  const at::Tensor output = adapter::run(net, at::rand({2, 3, 8, 10})).toTensor();
  EXPECT_TRUE(output.is_meta());
  EXPECT_EQ(output.sizes(), (at::IntArrayRef{2, 4, 8, 10}));
  for (const at::Tensor& parameter : net.module.parameters()) EXPECT_TRUE(parameter.is_cpu()) << "the network itself stays";
}

TEST(device, capture_sees_what_it_sees_on_the_host) {
  const at::Tensor example = at::rand({1, 3, 8, 10});
  const adapter::network here = network_on(c10::kCPU), there = network_on(c10::kMeta);
  const adapter::captured_network expected = adapter::capture(here, example), found = adapter::capture(there, example);
  ASSERT_EQ(found.ops.values.size(), expected.ops.values.size());
  for (std::size_t i = 0; i < found.ops.values.size(); ++i) {
    EXPECT_EQ(found.ops.values[i].name, expected.ops.values[i].name);
    EXPECT_EQ(found.ops.values[i].kind, expected.ops.values[i].kind) << found.ops.values[i].name;
    EXPECT_EQ(found.ops.values[i].shape, expected.ops.values[i].shape) << found.ops.values[i].name;
  }
  EXPECT_FALSE(first_difference(found.fingerprint, expected.fingerprint, "the other").has_value()) << "hashes too";
}

TEST(device, replaced_weights_go_there) {
  const adapter::network net = network_on(c10::kMeta);
  const auto code = std::make_shared<const adapter::program>(adapter::compile(net));
  adapter::stepper pass(code, at::rand({1, 3, 8, 10}));
  while (pass.next()->kind() != c10::aten::linear) pass.step();
  pass.replace({pass.next(), 1, at::rand({5, 3})});
  std::vector<torch::jit::IValue> made;
  pass.step(&made);
  EXPECT_TRUE(made.at(0).toTensor().is_meta());
  EXPECT_EQ(made[0].toTensor().size(3), 5);
}

TEST(device, each_tensor_is_copied_once) {
  adapter::placement there(c10::kMeta), here;
  const at::Tensor weight = at::rand({3}), count = at::scalar_tensor(3, at::kLong);
  EXPECT_TRUE(there.of(weight).is_same(there.of(weight)));
  EXPECT_TRUE(there.of(weight).is_meta());
  EXPECT_TRUE(here.of(weight).is_same(weight));
  EXPECT_TRUE(there.of(count).is_same(count)) << "a number that sizes are computed from";
  EXPECT_EQ(there.of(c10::IValue(c10::Device(c10::kCPU))).toDevice(), c10::Device(c10::kMeta));
  EXPECT_EQ(here.of(c10::IValue(c10::Device(c10::kCUDA, 1))).toDevice(), c10::Device(c10::kCUDA, 1));
}

TEST(device, what_is_missing_is_named) {
  const c10::Device gpu(c10::kCUDA, 0);
  EXPECT_EQ(error_text<invalid_argument>([&] { adapter::context_on(gpu, nullptr); }),
            "backend cuda:0: this build has none (-DSIRFP_CUDA=ON brings it)");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { adapter::context_on(c10::kMeta, nullptr); }), "device meta: expected cpu or cuda:N");
  register_backend("cuda", [](const device_request&, std::shared_ptr<executor>) { return reference_context(); });
  if (c10::impl::hasDeviceGuardImpl(c10::kCUDA)) return;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { adapter::context_on(gpu, nullptr); }),
                   "has no CUDA, expected one that was built with it");
}

// A GPU's errors, thrown by an operator of ours.
TORCH_LIBRARY(sirfp_test, library) {
  library.def("fail(Tensor x, int how) -> Tensor", [](const at::Tensor& x, std::int64_t how) {
    const c10::SourceLocation here{"", "", 0};
    if (how == 1) throw c10::OutOfMemoryError(here, "CUDA out of memory. Tried to allocate 2.00 GiB. 1.00 GiB is free.\nMore.");
    if (how == 2) throw c10::AcceleratorError(here, 700, "CUDA error: an illegal memory access was encountered\nMore.");
    return x;
  });
}

adapter::network failing_network(std::int64_t how) {
  const auto net = adapter::load_network(plain_network().define("def forward(self, x):\n  return torch.relu(x)\n"));
  torch::jit::Node* relu = *net.graph->nodes().begin();
  const torch::jit::WithInsertPoint here(relu);
  const c10::Symbol fail = c10::Symbol::fromQualString("sirfp_test::fail");
  relu->output()->replaceAllUsesWith(net.graph->insert(fail, {relu->input(), how}));
  relu->destroy();
  return net;
}

TEST(device, faults_of_a_gpu_are_one_line_and_no_fault_of_the_network) {
  const at::Tensor input = at::rand({1, 3, 4, 4});
  for (const auto& [how, line] : {std::pair(1, "CUDA out of memory. Tried to allocate 2.00 GiB. 1.00 GiB is free."),
                                  std::pair(2, "CUDA error: an illegal memory access was encountered")}) {
    const std::string report = error_text<failure>([&, how = how] { adapter::capture(failing_network(how), input); });
    SIRFP_EXPECT_HAS(report, "sirfp_test::fail at ");
    EXPECT_TRUE(report.ends_with(line)) << report;
  }
  EXPECT_EQ(adapter::run(failing_network(0), input).toTensor().sizes(), input.sizes());
}

}  // namespace
}  // namespace sirfp::test
