// Reads and writes the safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace sirfp {

struct safetensors_tensor {
  std::string dtype;  // "F64", "F32", "F16", "BF16", "I64", "I32", "U8" ...
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;  // row-major, little endian
};

struct safetensors_file {
  std::map<std::string, std::string> metadata;
  std::map<std::string, safetensors_tensor> tensors;
};

// Writes through a temporary file beside `path` and a rename: the file is whole or absent. The same content gives the same bytes
// (wide dtypes first, then by name; the header is padded to 8 bytes). Throws failure (path and system error) and invalid_argument (a
// tensor whose dtype, shape and bytes disagree, text that is not UTF-8).
void write_safetensors(const std::filesystem::path& path, const safetensors_file& file);
// Throws invalid_argument naming the path and what is wrong with it: no such file, truncated, a header that is not JSON, an unknown
// dtype, offsets out of range or overlapping, a shape that disagrees with the bytes.
safetensors_file read_safetensors(const std::filesystem::path& path);

// Tensors from and to host arrays. The readers throw invalid_argument on another dtype.
safetensors_tensor f64_tensor(std::span<const double> values, std::vector<std::int64_t> shape);
safetensors_tensor f32_tensor(std::span<const float> values, std::vector<std::int64_t> shape);
std::vector<double> f64_values(const safetensors_tensor& tensor);
std::vector<float> f32_values(const safetensors_tensor& tensor);

// The same, a tensor at a time, for files that should not stand in memory twice.
struct safetensors_source {
  using sink = std::function<void(std::span<const std::byte>)>;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::function<void(const sink&)> emit;  // hands over the tensor's bytes, in any number of pieces
};
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata,
                       const std::map<std::string, safetensors_source>& tensors);

class safetensors_reader {
 public:
  struct entry {
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;  // in the data section
    std::uint64_t end = 0;
  };
  // Reads and checks the header. Throws like read_safetensors.
  explicit safetensors_reader(std::filesystem::path path);
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  const std::map<std::string, entry>& tensors() const noexcept { return tensors_; }
  safetensors_tensor read(const std::string& name);  // throws invalid_argument if there is no such tensor

 private:
  std::filesystem::path path_;
  std::ifstream in_;
  std::uint64_t data_ = 0;  // where the data section starts
  std::map<std::string, std::string> metadata_;
  std::map<std::string, entry> tensors_;
};

}  // namespace sirfp
