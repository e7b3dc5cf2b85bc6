// Label maps that belong to images: same stem, same size, classes in range.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "picture.hpp"

namespace sirfp::cli {

struct label_options {
  std::filesystem::path folder;
  std::int64_t ignore = 255;
};

// uint8 [1, H, W] for the image `image_name` of `size`. Throws invalid_argument: no FOLDER/STEM.png, another size, a value that is
// neither 0 .. classes - 1 nor `ignore` (names file, value, row and column).
at::Tensor load_labels(const label_options& options, const std::string& image_name, const picture_size& size, std::int64_t classes);

// Throws invalid_argument naming the first of `images` that has no label map, before any work is done.
void check_labels_exist(const label_options& options, const std::vector<std::string>& images);

// The classes that a network with `outputs` channels is scored on: a last class that is ignored (a void class) is not one of them.
std::int64_t scored_classes(std::int64_t outputs, std::int64_t ignore);

}  // namespace sirfp::cli
