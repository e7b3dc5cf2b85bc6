// The tree of submodules of a rebuilt network: same names, types of its own, no methods.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rebuild.hpp"

namespace sirfp::adapter {

// `tensor_at(path, original)` gives the tensor that stands at a path.
using tensor_source = std::function<at::Tensor(const std::string& path, const at::Tensor& original)>;
torch::jit::Module rebuild_tree(const torch::jit::Module& original, const tensor_source& tensor_at, const std::vector<added_tensor>& added);

// "encoder.conv.weight" -> {"encoder.conv", "weight"}; a name at the top has an empty folder.
struct tensor_path {
  std::string folder;
  std::string name;
};
tensor_path split_path(const std::string& path);
// "encoder.conv" -> {"encoder", "conv"}; nothing for an empty folder.
std::vector<std::string> modules_of(const std::string& folder);

}  // namespace sirfp::adapter
