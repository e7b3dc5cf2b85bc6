#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "safetensors_dtype.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/safetensors.hpp"

namespace sirfp {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t longest_header = 100'000'000;  // the format's own limit

std::uint64_t open_file(const fs::path& path, std::ifstream& in) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  SIRFP_EXPECTS(fs::exists(status), path.string(), ": no such file");
  SIRFP_EXPECTS(!fs::is_directory(status), path.string(), ": is a directory, expected a safetensors file");
  in.open(path, std::ios::binary);
  const std::uint64_t size = fs::file_size(path, error);
  SIRFP_EXPECTS(in.good() && !error, path.string(), ": cannot read: ", std::generic_category().message(error ? error.value() : errno));
  return size;
}

std::string header_text(const fs::path& path, std::ifstream& in, std::uint64_t size) {
  SIRFP_EXPECTS(size >= 8, path.string(), ": not a safetensors file: ", size, " bytes, expected at least 8");
  std::uint8_t raw[8] = {};
  in.read(reinterpret_cast<char*>(raw), sizeof raw);
  std::uint64_t length = 0;
  for (int i = 0; i < 8; ++i) length |= static_cast<std::uint64_t>(raw[i]) << (8 * i);
  SIRFP_EXPECTS(length >= 2 && length <= longest_header, path.string(), ": not a safetensors file: header of ", length, " bytes");
  SIRFP_EXPECTS(length <= size - 8, path.string(), ": not a safetensors file or truncated: header of ", length, " bytes, the file has ",
                size);
  std::string header(length, '\0');
  in.read(header.data(), static_cast<std::streamsize>(length));
  SIRFP_EXPECTS(in.good(), path.string(), ": cannot read its header");
  SIRFP_EXPECTS(header.front() == '{', path.string(), ": not a safetensors file: its header is not a JSON object");
  return header;
}

// The format forbids a name twice; the JSON library would keep the last.
json parse_header(const fs::path& path, const std::string& header) {
  std::vector<std::set<std::string>> keys;
  std::string repeated;
  const json::parser_callback_t note_keys = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) repeated = value.get<std::string>();
    return true;
  };
  try {
    json parsed = json::parse(header, note_keys);
    SIRFP_EXPECTS(repeated.empty(), path.string(), ": header names ", repeated, " twice");
    return parsed;
  } catch (const json::exception& error) {
    throw invalid_argument(text(path.string(), ": header is not JSON: ", error.what()));
  }
}

std::map<std::string, std::string> metadata_of(const fs::path& path, const json& value) {
  SIRFP_EXPECTS(value.is_object(), path.string(), ": __metadata__ is not an object");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, entry] : value.items()) {
    SIRFP_EXPECTS(entry.is_string(), path.string(), ": metadata ", key, ": expected a string, found ", entry.type_name());
    metadata[key] = entry.get<std::string>();
  }
  return metadata;
}

bool is_count(const json& value) { return value.is_number_unsigned() && value.get<std::uint64_t>() <= INT64_MAX; }

safetensors_reader::entry entry_of(const std::string& what, const json& value, std::uint64_t data_bytes) {
  SIRFP_EXPECTS(
      value.is_object() && value.size() == 3 && value.contains("dtype") && value.contains("shape") && value.contains("data_offsets"), what,
      ": expected dtype, shape and data_offsets");
  const json& dtype = value["dtype"];
  const json& shape = value["shape"];
  const json& offsets = value["data_offsets"];
  SIRFP_EXPECTS(dtype.is_string() && safetensors_element_bytes(dtype.get<std::string>()) != 0, what, ": unknown dtype ", dtype.dump());
  SIRFP_EXPECTS(shape.is_array() && std::all_of(shape.begin(), shape.end(), is_count), what, ": shape ", shape.dump(),
                ": expected non-negative integers");
  SIRFP_EXPECTS(offsets.is_array() && offsets.size() == 2 && is_count(offsets[0]) && is_count(offsets[1]), what, ": data_offsets ",
                offsets.dump(), ": expected two non-negative integers");
  safetensors_reader::entry entry{dtype.get<std::string>(), shape.get<std::vector<std::int64_t>>(), offsets[0].get<std::uint64_t>(),
                                  offsets[1].get<std::uint64_t>()};
  SIRFP_EXPECTS(entry.begin <= entry.end && entry.end <= data_bytes, what, ": data_offsets ", offsets.dump(),
                " out of range: truncated file? its data has ", data_bytes, " bytes");
  const auto bytes = safetensors_bytes(entry.dtype, entry.shape);
  SIRFP_EXPECTS(bytes && *bytes == entry.end - entry.begin, what, ": dtype ", entry.dtype, " and shape ", shape.dump(), " expect ",
                bytes ? std::to_string(*bytes) : "more than 2^64", " bytes, data_offsets span ", entry.end - entry.begin);
  return entry;
}

// The format allows neither overlaps nor holes.
void check_tiling(const fs::path& path, const std::map<std::string, safetensors_reader::entry>& tensors, std::uint64_t data_bytes) {
  using named = std::pair<const std::string, safetensors_reader::entry>;
  std::vector<const named*> order;
  order.reserve(tensors.size());
  for (const named& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const named* a, const named* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  std::uint64_t at = 0;
  for (const named* tensor : order) {
    SIRFP_EXPECTS(tensor->second.begin == at, path.string(), ": tensor ", tensor->first, " starts at byte ", tensor->second.begin,
                  tensor->second.begin < at ? ", inside the one before" : ", after a hole", " that ends at ", at);
    at = tensor->second.end;
  }
  SIRFP_EXPECTS(at == data_bytes, path.string(), ": ", data_bytes - at, " bytes after the last tensor");
}

}  // namespace

safetensors_reader::safetensors_reader(fs::path path) : path_(std::move(path)) {
  const std::uint64_t size = open_file(path_, in_);
  const std::string header = header_text(path_, in_, size);
  data_ = 8 + header.size();
  const json entries = parse_header(path_, header);
  for (const auto& [name, value] : entries.items()) {
    if (name == "__metadata__")
      metadata_ = metadata_of(path_, value);
    else
      tensors_[name] = entry_of(text(path_.string(), ": tensor ", name), value, size - data_);
  }
  check_tiling(path_, tensors_, size - data_);
}

safetensors_tensor safetensors_reader::read(const std::string& name) {
  const auto found = tensors_.find(name);
  SIRFP_EXPECTS(found != tensors_.end(), path_.string(), ": no tensor ", name);
  const entry& e = found->second;
  safetensors_tensor tensor{e.dtype, e.shape, std::vector<std::byte>(e.end - e.begin)};
  in_.seekg(static_cast<std::streamoff>(data_ + e.begin));
  in_.read(reinterpret_cast<char*>(tensor.bytes.data()), static_cast<std::streamsize>(tensor.bytes.size()));
  SIRFP_EXPECTS(in_.good(), path_.string(), ": tensor ", name, ": cannot read its ", tensor.bytes.size(), " bytes");
  return tensor;
}

}  // namespace sirfp
