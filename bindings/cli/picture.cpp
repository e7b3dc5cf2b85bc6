#include "picture.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "jpeg_reader.hpp"
#include "png_reader.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

struct file_closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using open_file = std::unique_ptr<std::FILE, file_closer>;

enum class file_format : std::uint8_t { jpeg, png, neither };

open_file open(const std::filesystem::path& path) {
  open_file file(std::fopen(path.c_str(), "rb"));
  SIRFP_EXPECTS(file, path.string(), ": cannot read: ", std::strerror(errno));
  return file;
}

file_format format_of(std::FILE* file) {
  std::array<unsigned char, 8> start = {};
  const std::size_t count = std::fread(start.data(), 1, start.size(), file);
  std::rewind(file);
  if (count >= 3 && start[0] == 0xFF && start[1] == 0xD8 && start[2] == 0xFF) return file_format::jpeg;
  constexpr std::array<unsigned char, 8> png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  return count == png.size() && start == png ? file_format::png : file_format::neither;
}

picture read(const std::filesystem::path& path, picture_content content) {
  const open_file file = open(path);
  picture result;
  std::string problem;
  switch (format_of(file.get())) {
    case file_format::jpeg:
      problem = content == picture_content::labels ? "label maps are 8-bit PNG files" : read_jpeg(file.get(), content, result);
      break;
    case file_format::png:
      problem = read_png(file.get(), content, result);
      break;
    case file_format::neither:
      problem = "neither a JPEG nor a PNG file";
      break;
  }
  SIRFP_EXPECTS(problem.empty(), path.string(), ": ", problem);
  return result;
}

}  // namespace

picture_size read_picture_size(const std::filesystem::path& path) { return read(path, picture_content::size).size; }
picture read_picture(const std::filesystem::path& path) { return read(path, picture_content::rgb); }
picture read_label_map(const std::filesystem::path& path) { return read(path, picture_content::labels); }

}  // namespace sirfp::cli
