// Pictures from JPEG and PNG files, as 8-bit RGB; label maps from PNG files, as they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace sirfp::cli {

struct picture_size {
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool operator==(const picture_size&) const = default;
};

struct picture {
  picture_size size;
  std::vector<std::uint8_t> pixels;  // [height, width, 3] of read_picture, [height, width] of read_label_map
};

// All throw invalid_argument naming the file and what is wrong with it: neither JPEG nor PNG (by content), truncated, damaged.
// Only the header is read, so a file damaged further on passes here.
picture_size read_picture_size(const std::filesystem::path& path);
// Grey becomes RGB, 16 bits become 8, a palette is expanded, alpha is dropped.
picture read_picture(const std::filesystem::path& path);
// 8-bit (or less) grey values or palette indices, untouched. Anything else is refused.
picture read_label_map(const std::filesystem::path& path);

}  // namespace sirfp::cli
