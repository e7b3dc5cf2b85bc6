// Reads and writes the safetensors format (a JSON header, then the tensors' bytes), whole files at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sirfp {

struct safetensors_tensor {
  std::string dtype;                // "F64", "F32", "F16", "BF16", "I64", "I32", "U8" ...
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;     // row-major, little endian
};

struct safetensors_file {
  std::map<std::string, std::string> metadata;
  std::map<std::string, safetensors_tensor> tensors;
};

// Writes through a temporary file beside `path` and a rename: the file is whole or absent. Throws failure (path and system error).
void write_safetensors(const std::filesystem::path& path, const safetensors_file& file);
// Throws invalid_argument naming the path and what is wrong with it.
safetensors_file read_safetensors(const std::filesystem::path& path);

}  // namespace sirfp
