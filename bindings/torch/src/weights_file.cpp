// Compensated weights as a safetensors file. Metadata: "kind" = "sirfp-weights", "version", "added_biases" (JSON object, weight -> bias)
// and "notes" (JSON array).
#include <ATen/ATen.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "sirfp/adapter/apply.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "sirfp/fingerprint.hpp"
#include "sirfp/safetensors.hpp"

namespace sirfp::adapter {

namespace {

constexpr const char* kind = "sirfp-weights";
constexpr int newest_version = 1;

safetensors_tensor stored(const std::string& name, const at::Tensor& tensor) {
  const c10::ScalarType type = tensor.scalar_type();
  SIRFP_EXPECTS(type == at::kFloat || type == at::kDouble, "compensated ", name, " is of type ", type, ", expected float or double");
  const at::Tensor dense = tensor.detach().cpu().contiguous();
  safetensors_tensor result{type == at::kDouble ? "F64" : "F32", dense.sizes().vec(), std::vector<std::byte>(dense.nbytes())};
  if (dense.nbytes() > 0) std::memcpy(result.bytes.data(), dense.const_data_ptr(), dense.nbytes());
  return result;
}

at::Tensor loaded(const std::string& path, const std::string& name, const safetensors_tensor& tensor) {
  SIRFP_EXPECTS(tensor.dtype == "F32" || tensor.dtype == "F64", path, ": ", name, " is of type ", tensor.dtype, ", expected F32 or F64");
  at::Tensor result = at::empty(tensor.shape, tensor.dtype == "F64" ? at::kDouble : at::kFloat);
  SIRFP_EXPECTS(result.nbytes() == tensor.bytes.size(), path, ": ", name, " has ", tensor.bytes.size(), " bytes, expected ",
                result.nbytes());
  if (result.nbytes() > 0) std::memcpy(result.mutable_data_ptr(), tensor.bytes.data(), result.nbytes());
  return result;
}

std::string hash_of_file(const std::filesystem::path& path) {
  const std::string content = read_text(path);
  return hash_bytes(content.data(), content.size());
}

std::string metadata_of(const safetensors_file& file, const std::string& key, const std::string& path) {
  const auto found = file.metadata.find(key);
  SIRFP_EXPECTS(found != file.metadata.end(), path, ": not a file of compensated weights (no \"", key, "\" in its metadata)");
  return found->second;
}

}  // namespace

std::string save_weights(const compensated_weights& weights, const std::filesystem::path& path) {
  safetensors_file file;
  file.metadata = {{"kind", kind},
                   {"version", std::to_string(newest_version)},
                   {"added_biases", nlohmann::json(weights.added_biases).dump()},
                   {"notes", nlohmann::json(weights.notes).dump()}};
  for (const auto& [name, tensor] : weights.tensors) file.tensors.emplace(name, stored(name, tensor));
  write_safetensors(path, file);
  return hash_of_file(path);
}

compensated_weights load_weights(const std::filesystem::path& path, const std::string& expected_hash) {
  const std::string where = path.string();
  const std::string hash = hash_of_file(path);
  SIRFP_EXPECTS(hash == expected_hash, where, ": hash ", hash, ", the plan expects ", expected_hash);
  const safetensors_file file = read_safetensors(path);
  SIRFP_EXPECTS(metadata_of(file, "kind", where) == kind, where, ": kind \"", file.metadata.at("kind"), "\", expected \"", kind, "\"");
  const std::string version = metadata_of(file, "version", where);
  SIRFP_EXPECTS(version == std::to_string(newest_version), where, ": version ", version, ", this program reads version ", newest_version);
  compensated_weights weights;
  try {
    weights.added_biases = nlohmann::json::parse(metadata_of(file, "added_biases", where)).get<std::map<std::string, std::string>>();
    weights.notes = nlohmann::json::parse(metadata_of(file, "notes", where)).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw invalid_argument(text(where, ": damaged metadata: ", error.what()));
  }
  for (const auto& [name, tensor] : file.tensors) weights.tensors.emplace(name, loaded(where, name, tensor));
  return weights;
}

}  // namespace sirfp::adapter
