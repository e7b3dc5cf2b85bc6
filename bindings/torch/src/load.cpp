#include <caffe2/serialize/inline_container.h>

#include <array>
#include <fstream>
#include <string_view>

#include "module_paths.hpp"
#include "prepare_graph.hpp"
#include "sirfp/adapter/network.hpp"
#include "sirfp/expects.hpp"
#include "widen.hpp"

namespace sirfp::adapter {
namespace {

constexpr const char* how_to_trace =
    ": an eager checkpoint (a state dict or a pickled module), expected TorchScript; trace the network first:  "
    "torch.jit.trace(model.eval(), torch.rand(1, 3, H, W)).save('net.pt')";

std::string first_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  SIRFP_EXPECTS(file.good(), path.string(), ": cannot be opened for reading");
  std::string head(4, '\0');
  file.read(head.data(), 4);
  head.resize(static_cast<std::size_t>(file.gcount()));
  return head;
}

std::vector<std::string> record_names(const std::filesystem::path& path) {
  try {
    caffe2::serialize::PyTorchStreamReader reader(path.string());
    return reader.getAllRecords();
  } catch (const std::exception&) {
    throw invalid_argument(text(path.string(), ": truncated or not a TorchScript file"));
  }
}

// Tells the files apart that people pass by mistake, before LibTorch answers with a page.
void check_file(const std::filesystem::path& path) {
  std::error_code ignored;
  SIRFP_EXPECTS(std::filesystem::exists(path, ignored), path.string(), ": no such file");
  SIRFP_EXPECTS(!std::filesystem::is_directory(path, ignored), path.string(), ": a folder, expected a TorchScript file");
  const auto head = first_bytes(path);
  SIRFP_EXPECTS(!head.starts_with('\x80'), path.string(), how_to_trace);  // a bare pickle: torch.save before 1.6
  SIRFP_EXPECTS(head.starts_with("PK"), path.string(), ": not a TorchScript file");
  bool pickle = false;
  bool code = false;
  for (const auto& name : record_names(path)) {
    pickle = pickle || name == "data.pkl";
    code = code || name.starts_with("code/");
  }
  SIRFP_EXPECTS(code || !pickle, path.string(), how_to_trace);
  SIRFP_EXPECTS(code, path.string(), ": a zip archive, but not a TorchScript file");
}

torch::jit::Module read_module(const std::filesystem::path& path) {
  check_file(path);
  try {
    return torch::jit::load(path.string(), c10::kCPU);
  } catch (const std::exception& error) {
    const std::string message = error.what();
    // The file is whole, but its code names an operator that this program does not have.
    if (const auto at = message.find("Unknown builtin op"); at != std::string::npos)
      throw invalid_argument(text(path.string(), ": ", message.substr(at, message.find('\n', at) - at)));
    throw invalid_argument(text(path.string(), ": truncated or not a TorchScript file (", first_line(error), ")"));
  }
}

bool any_training(const torch::jit::Module& module) {
  for (const auto& part : module.modules())
    if (part.hasattr("training") && part.attr("training").isBool() && part.attr("training").toBool()) return true;
  return false;
}

// `module` is ours to change.
network prepared(torch::jit::Module module) {
  network net;
  module.eval();
  net.stored = stored_type(module);
  widen_attributes(module);
  net.graph = prepare_graph(module);
  if (is_narrow(net.stored)) widen_graph(*net.graph);
  net.module = std::move(module);
  return net;
}

}  // namespace

network load_network(const std::filesystem::path& path, c10::Device device) {
  auto module = read_module(path);
  try {
    auto net = prepared(std::move(module));
    net.path = path;
    net.place = std::make_shared<placement>(device);
    return net;
  } catch (const invalid_argument& error) {
    throw invalid_argument(text(path.string(), ": ", error.what()));
  }
}

network load_network(torch::jit::Module module) {
  const bool untouched = !any_training(module) && !is_narrow(stored_type(module));
  return prepared(untouched ? std::move(module) : module.deepcopy());
}

}  // namespace sirfp::adapter
