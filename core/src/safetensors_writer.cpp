#include <algorithm>
#include <nlohmann/json.hpp>

#include "file_writer.hpp"
#include "safetensors_dtype.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "sirfp/safetensors.hpp"

namespace sirfp {
namespace {

using placed = std::pair<const std::string, safetensors_source>;

// Wide elements first, so that every tensor is aligned to its element; then by name.
std::vector<const placed*> in_file_order(const std::map<std::string, safetensors_source>& tensors) {
  std::vector<const placed*> order;
  order.reserve(tensors.size());
  for (const placed& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const placed* a, const placed* b) {
    return safetensors_element_bytes(a->second.dtype) > safetensors_element_bytes(b->second.dtype);
  });
  return order;
}

std::uint64_t checked_bytes(const std::filesystem::path& path, const placed& tensor) {
  const auto bytes = safetensors_bytes(tensor.second.dtype, tensor.second.shape);
  SIRFP_EXPECTS(safetensors_element_bytes(tensor.second.dtype) != 0 && bytes, path.string(), ": tensor ", tensor.first, ": dtype ",
                tensor.second.dtype, " or shape cannot be written");
  return *bytes;
}

std::string header_of(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata,
                      const std::vector<const placed*>& order) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t at = 0;
  for (const placed* tensor : order) {
    SIRFP_EXPECTS(tensor->first != "__metadata__", path.string(), ": a tensor cannot be called __metadata__");
    const std::uint64_t end = at + checked_bytes(path, *tensor);
    header[tensor->first] = {{"dtype", tensor->second.dtype}, {"shape", tensor->second.shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  try {
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
  } catch (const nlohmann::json::exception& error) {  // a name that is not UTF-8
    throw invalid_argument(text(path.string(), ": names and metadata must be UTF-8: ", error.what()));
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata,
                       const std::map<std::string, safetensors_source>& tensors) {
  const auto order = in_file_order(tensors);
  const std::string header = header_of(path, metadata, order);
  pending_file pending(path);
  file_writer out(pending.path(), path);
  std::uint8_t length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<std::uint8_t>(header.size() >> (8 * i));
  out.write(length, sizeof length);
  out.write(header.data(), header.size());
  for (const placed* tensor : order) {
    std::uint64_t written = 0;
    tensor->second.emit([&](std::span<const std::byte> bytes) {
      out.write(bytes.data(), bytes.size());
      written += bytes.size();
    });
    const std::uint64_t expected = checked_bytes(path, *tensor);
    SIRFP_EXPECTS(written == expected, path.string(), ": tensor ", tensor->first, ": ", written, " bytes given, its shape expects ",
                  expected);
  }
  out.close();
  pending.commit();
}

}  // namespace sirfp
