#include "images.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "sirfp/adapter/device.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

bool is_picture_name(const std::filesystem::path& path) {
  if (path.filename().string().starts_with('.')) return false;
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

std::vector<std::string> pictures_in(const std::filesystem::path& folder) {
  std::error_code problem;
  SIRFP_EXPECTS(std::filesystem::exists(folder, problem), "--images ", folder.string(), ": no such folder");
  SIRFP_EXPECTS(std::filesystem::is_directory(folder, problem), "--images ", folder.string(), ": expected a folder of JPEG or PNG files");
  std::vector<std::string> names;
  std::filesystem::directory_iterator entries(folder, problem);
  SIRFP_EXPECTS(!problem, "--images ", folder.string(), ": cannot list it: ", problem.message());
  for (const auto& entry : entries) {
    if (is_picture_name(entry.path()) && !entry.is_directory(problem)) names.push_back(entry.path().filename().string());
  }
  SIRFP_EXPECTS(!names.empty(), "--images ", folder.string(), ": no .jpg, .jpeg or .png file in it");
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<std::int64_t> evenly_spaced(std::int64_t total, std::int64_t count) {
  if (count <= 0 || count > total) count = total;
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < count; ++i) chosen.push_back(i * total / count);
  return chosen;
}

image_folder::image_folder(selection chosen, image_options options) : chosen_(std::move(chosen)), options_(options) {
  const std::vector<std::string> all = pictures_in(chosen_.folder);
  std::vector<std::pair<std::string, picture_size>> files;
  for (const std::int64_t index : evenly_spaced(static_cast<std::int64_t>(all.size()), chosen_.limit)) {
    const std::string& name = all[static_cast<std::size_t>(index)];
    try {
      files.emplace_back(name, read_picture_size(chosen_.folder / name));
    } catch (const invalid_argument& problem) {
      if (!chosen_.skip_bad) throw;
      skip(name, problem.what());
    }
  }
  SIRFP_EXPECTS(!files.empty(), "--images ", chosen_.folder.string(), ": none of the ", skipped_.size(), " images can be read");
  plan_batches(files);
}

// Images of one size gather in the order of the list; a full batch is counted as soon as it is full, the rest at the end.
void image_folder::plan_batches(const std::vector<std::pair<std::string, picture_size>>& files) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::size_t> open;  // size -> place in `waiting`
  std::vector<image_batch> waiting;
  for (const auto& [name, own_size] : files) {
    const picture_size size = options_.size.value_or(own_size);
    const auto [place, is_new] = open.try_emplace({size.height, size.width}, waiting.size());
    if (is_new) waiting.push_back({{}, size});
    image_batch& batch = waiting[place->second];
    batch.names.push_back(name);
    if (static_cast<std::int64_t>(batch.names.size()) == chosen_.batch) {
      batches_.push_back(batch);
      batch.names.clear();
    }
  }
  for (image_batch& batch : waiting) {
    if (!batch.names.empty()) batches_.push_back(std::move(batch));
  }
}

std::int64_t image_folder::count() const {
  std::int64_t images = 0;
  for (const image_batch& batch : batches_) images += static_cast<std::int64_t>(batch.names.size());
  return images;
}

std::vector<std::string> image_folder::names() const {
  std::vector<std::string> all;
  for (const image_batch& batch : batches_) all.insert(all.end(), batch.names.begin(), batch.names.end());
  return all;
}

loaded_batch image_folder::load(const image_batch& batch) {
  loaded_batch loaded;
  std::vector<at::Tensor> inputs;
  for (const std::string& name : batch.names) {
    if (std::any_of(skipped_.begin(), skipped_.end(), [&](const skipped_image& known) { return known.name == name; })) continue;
    try {
      const picture image = read_picture(chosen_.folder / name);
      inputs.push_back(network_input(image, options_, chosen_.device));
      loaded.names.push_back(name);
      loaded.file_sizes.push_back(image.size);
    } catch (const invalid_argument& problem) {
      if (!chosen_.skip_bad) throw;
      skip(name, problem.what());
    }
  }
  if (!inputs.empty()) loaded.input = at::cat(inputs);
  return loaded;
}

at::Tensor image_folder::example() {
  for (const image_batch& batch : batches_) {
    for (const std::string& name : batch.names) {
      const loaded_batch loaded = load({{name}, batch.size});
      if (loaded.input.defined()) return loaded.input;
    }
  }
  throw invalid_argument(text("--images ", chosen_.folder.string(), ": none of the ", skipped_.size(), " images can be read"));
}

at::Tensor network_input(const picture& image, const image_options& options, c10::Device device) {
  const auto bytes = at::from_blob(const_cast<std::uint8_t*>(image.pixels.data()), {image.size.height, image.size.width, 3}, at::kByte);
  at::Tensor pixels = adapter::sent_to(device, bytes).permute({2, 0, 1}).unsqueeze(0).to(at::kFloat);
  if (options.size && *options.size != image.size) {
    const std::array<std::int64_t, 2> size = {options.size->height, options.size->width};
    pixels = at::_upsample_bilinear2d_aa(pixels.contiguous(), size, /*align_corners=*/false);
  }
  if (options.bgr) pixels = pixels.flip({1});
  const auto per_channel = [device](const std::array<double, 3>& values) {
    return adapter::sent_to(device, at::tensor({values[0], values[1], values[2]}, at::kFloat).view({1, 3, 1, 1}));
  };
  return ((pixels * options.scale - per_channel(options.mean)) / per_channel(options.deviation)).contiguous();
}

}  // namespace sirfp::cli
