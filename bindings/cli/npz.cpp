#include "npz.hpp"

#include <cstdint>
#include <cstring>
#include <regex>
#include <string_view>

#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"

namespace sirfp::cli {
namespace {

// Little-endian numbers of a zip archive at given offsets; what lies outside the file is an error of the file.
class archive {
 public:
  archive(std::string bytes, std::string path) : bytes_(std::move(bytes)), path_(std::move(path)) {}

  std::uint64_t number(std::size_t at, std::size_t size) const {
    const std::string_view raw = part(at, size);
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }
  std::string_view part(std::size_t at, std::size_t size) const {
    SIRFP_EXPECTS(at <= bytes_.size() && size <= bytes_.size() - at, path_, ": cut short, or not an .npz file");
    return std::string_view(bytes_).substr(at, size);
  }
  // Where the list of members ends: the record that closes every zip archive.
  std::size_t directory_end() const {
    const std::size_t found = bytes_.rfind(std::string_view("PK\x05\x06", 4));
    SIRFP_EXPECTS(found != std::string::npos, path_, ": not an .npz file (np.savez writes one)");
    return found;
  }
  const std::string& path() const { return path_; }

 private:
  std::string bytes_;
  std::string path_;
};

template <class Float>
std::vector<double> numbers(std::string_view raw, std::size_t count) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    Float value;
    std::memcpy(&value, raw.data() + i * sizeof(Float), sizeof(Float));
    values[i] = static_cast<double>(value);
  }
  return values;
}

// A member's bytes: magic, version, header length, a Python dict as text, the values.
std::vector<double> values_of(const archive& file, std::size_t at, std::size_t size, const std::string& name) {
  const auto expect = [&](bool holds, const std::string& found) {
    SIRFP_EXPECTS(holds, file.path(), ": array ", name, ": expected float32 or float64 of one dimension, found ", found);
  };
  expect(size >= 12 && file.part(at, 6) == "\x93NUMPY", "no array");
  const bool first_version = file.number(at + 6, 1) == 1;
  const std::size_t start = first_version ? 10 : 12;
  const std::size_t length = file.number(at + 8, first_version ? 2 : 4);
  const std::string header(file.part(at + start, length));
  static const std::regex layout(R"('descr': '<f([48])', 'fortran_order': (?:True|False), 'shape': \((\d{1,9}),\))");
  std::smatch found;
  expect(std::regex_search(header, found, layout), header.substr(0, header.find_last_not_of(" \n") + 1));
  const std::size_t count = std::stoul(found[2].str());
  const bool single = found[1] == "4";
  const std::size_t bytes = count * (single ? 4 : 8);
  SIRFP_EXPECTS(start + length + bytes <= size, file.path(), ": array ", name, ": cut short");
  const std::string_view raw = file.part(at + start + length, bytes);
  return single ? numbers<float>(raw, count) : numbers<double>(raw, count);
}

}  // namespace

std::map<std::string, std::vector<double>> read_npz(const std::filesystem::path& path) {
  const archive file(read_text(path), path.string());
  const std::size_t end = file.directory_end();
  const std::uint64_t members = file.number(end + 10, 2);
  std::size_t entry = file.number(end + 16, 4);
  std::map<std::string, std::vector<double>> arrays;
  for (std::uint64_t m = 0; m < members; ++m) {
    SIRFP_EXPECTS(file.part(entry, 4) == "PK\x01\x02", path.string(), ": damaged: its list of arrays breaks off");
    const std::size_t name_length = file.number(entry + 28, 2);
    std::string name(file.part(entry + 46, name_length));
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    SIRFP_EXPECTS(file.number(entry + 10, 2) == 0, path.string(), ": array ", name, " is compressed: expected what np.savez writes");
    const std::size_t size = file.number(entry + 24, 4);
    const std::size_t local = file.number(entry + 42, 4);
    const std::size_t data = local + 30 + file.number(local + 26, 2) + file.number(local + 28, 2);
    arrays.emplace(name, values_of(file, data, size, name));
    entry += 46 + name_length + file.number(entry + 30, 2) + file.number(entry + 32, 2);
  }
  return arrays;
}

}  // namespace sirfp::cli
