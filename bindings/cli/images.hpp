// Calibration images: which files of a folder, in which batches, and how their pixels become a network's input.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "picture.hpp"

namespace sirfp::cli {

// The input is (pixel * scale - mean) / std with pixel in 0..255, channels in the order that the network reads.
struct image_options {
  std::optional<picture_size> size;  // images are resized to it; else each keeps its own
  bool bgr = false;
  double scale = 1.0 / 255;
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> deviation = {0.229, 0.224, 0.225};
};

struct skipped_image {
  std::string name;
  std::string reason;
};

// A batch of images of one size, in the order in which they are counted.
struct image_batch {
  std::vector<std::string> names;
  picture_size size;  // of the network's input
};

struct loaded_batch {
  std::vector<std::string> names;
  std::vector<picture_size> file_sizes;  // before resizing, for labels
  at::Tensor input;                      // [N, 3, H, W] float; undefined when no image of the batch could be read
};

// `count` of `total` things, evenly spaced: floor(i total / count). All of them when count is 0 or at least total.
std::vector<std::int64_t> evenly_spaced(std::int64_t total, std::int64_t count);

class image_folder {
 public:
  struct selection {
    std::filesystem::path folder;
    std::int64_t limit = 32;  // 0: all
    std::int64_t batch = 1;
    bool skip_bad = false;
    c10::Device device = c10::kCPU;  // where their inputs are made, from bytes that are sent there
  };
  // Lists the folder's .jpg, .jpeg and .png files by name and reads the headers of the chosen ones. Throws invalid_argument: no such
  // folder, none in it, a damaged header (unless skip_bad), nothing left.
  image_folder(selection chosen, image_options options);

  const std::vector<image_batch>& batches() const noexcept { return batches_; }
  std::int64_t count() const;
  std::vector<std::string> names() const;  // batch by batch
  const std::filesystem::path& folder() const noexcept { return chosen_.folder; }
  const image_options& options() const noexcept { return options_; }
  // Images found to be of no use up to now.
  const std::vector<skipped_image>& skipped() const noexcept { return skipped_; }
  void skip(std::string name, std::string reason) { skipped_.push_back({std::move(name), std::move(reason)}); }
  bool skips_bad() const noexcept { return chosen_.skip_bad; }

  // Decodes a batch, without the images that are skipped already. A damaged one throws invalid_argument or, with skip_bad, is left out and
  // remembered.
  loaded_batch load(const image_batch& batch);
  // The first readable image alone, [1, 3, H, W].
  at::Tensor example();

 private:
  void plan_batches(const std::vector<std::pair<std::string, picture_size>>& files);
  selection chosen_;
  image_options options_;
  std::vector<image_batch> batches_;
  std::vector<skipped_image> skipped_;
};

// [1, 3, H, W] on the device from a picture, resized (antialiased, bilinear) where options.size asks for it. Waits for no device.
at::Tensor network_input(const picture& image, const image_options& options, c10::Device device);

}  // namespace sirfp::cli
