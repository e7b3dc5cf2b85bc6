// Dtypes, tensors from host arrays, and whole files on top of the reader and writer.
#include "sirfp/safetensors.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "safetensors_dtype.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {

std::uint64_t safetensors_element_bytes(std::string_view dtype) noexcept {
  struct row {
    std::string_view name;
    std::uint64_t bytes;
  };
  static constexpr std::array<row, 15> table = {{{"F64", 8},
                                                 {"I64", 8},
                                                 {"U64", 8},
                                                 {"F32", 4},
                                                 {"I32", 4},
                                                 {"U32", 4},
                                                 {"F16", 2},
                                                 {"BF16", 2},
                                                 {"I16", 2},
                                                 {"U16", 2},
                                                 {"I8", 1},
                                                 {"U8", 1},
                                                 {"BOOL", 1},
                                                 {"F8_E4M3", 1},
                                                 {"F8_E5M2", 1}}};
  const auto* found = std::find_if(table.begin(), table.end(), [&](const row& r) { return r.name == dtype; });
  return found == table.end() ? 0 : found->bytes;
}

std::optional<std::uint64_t> safetensors_bytes(std::string_view dtype, const std::vector<std::int64_t>& shape) noexcept {
  std::uint64_t bytes = safetensors_element_bytes(dtype);
  for (const std::int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes)) return std::nullopt;
  return bytes;
}

namespace {

template <class T>
safetensors_tensor tensor_from(const char* dtype, std::span<const T> values, std::vector<std::int64_t> shape) {
  const auto bytes = safetensors_bytes(dtype, shape);
  SIRFP_EXPECTS(bytes == values.size_bytes(), "tensor of ", values.size(), " values: its shape expects ", bytes.value_or(0) / sizeof(T));
  safetensors_tensor made{dtype, std::move(shape), {}};
  const auto view = std::as_bytes(values);
  made.bytes.assign(view.begin(), view.end());
  return made;
}

template <class T>
std::vector<T> values_of(const char* dtype, const safetensors_tensor& tensor) {
  SIRFP_EXPECTS(tensor.dtype == dtype, "tensor of dtype ", tensor.dtype, ": expected ", dtype);
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace

safetensors_tensor f64_tensor(std::span<const double> values, std::vector<std::int64_t> shape) {
  return tensor_from("F64", values, std::move(shape));
}
safetensors_tensor f32_tensor(std::span<const float> values, std::vector<std::int64_t> shape) {
  return tensor_from("F32", values, std::move(shape));
}
std::vector<double> f64_values(const safetensors_tensor& tensor) { return values_of<double>("F64", tensor); }
std::vector<float> f32_values(const safetensors_tensor& tensor) { return values_of<float>("F32", tensor); }

void write_safetensors(const std::filesystem::path& path, const safetensors_file& file) {
  std::map<std::string, safetensors_source> sources;
  for (const auto& [name, tensor] : file.tensors)
    sources[name] = {tensor.dtype, tensor.shape, [&bytes = tensor.bytes](const safetensors_source::sink& out) { out(bytes); }};
  write_safetensors(path, file.metadata, sources);
}

safetensors_file read_safetensors(const std::filesystem::path& path) {
  safetensors_reader reader(path);
  safetensors_file file{reader.metadata(), {}};
  for (const auto& [name, entry] : reader.tensors()) file.tensors.emplace(name, reader.read(name));
  return file;
}

}  // namespace sirfp
