#include "labels.hpp"

#include <ATen/ATen.h>

#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

std::filesystem::path label_path(const label_options& options, const std::string& image_name) {
  return options.folder / (std::filesystem::path(image_name).stem().string() + ".png");
}

}  // namespace

void check_labels_exist(const label_options& options, const std::vector<std::string>& images) {
  std::error_code problem;
  SIRFP_EXPECTS(std::filesystem::is_directory(options.folder, problem), "--labels ", options.folder.string(), ": no such folder");
  for (const std::string& name : images) {
    const std::filesystem::path path = label_path(options, name);
    SIRFP_EXPECTS(std::filesystem::exists(path, problem), path.string(), ": no such file; expected a label map for every image, here of ",
                  name);
  }
}

at::Tensor load_labels(const label_options& options, const std::string& image_name, const picture_size& size, std::int64_t classes) {
  const std::filesystem::path path = label_path(options, image_name);
  const picture map = read_label_map(path);
  SIRFP_EXPECTS(map.size == size, path.string(), ": ", map.size.height, "x", map.size.width, ", expected the ", size.height, "x",
                size.width, " of its image ", image_name);
  for (std::size_t i = 0; i < map.pixels.size(); ++i) {
    const std::int64_t value = map.pixels[i];
    const auto width = static_cast<std::size_t>(map.size.width);
    SIRFP_EXPECTS(value < classes || value == options.ignore, path.string(), ": value ", value, " at row ", i / width, ", column ",
                  i % width, ": expected a class 0..", classes - 1, " or the ignored value ", options.ignore, " (--ignore)");
  }
  return at::from_blob(const_cast<std::uint8_t*>(map.pixels.data()), {1, map.size.height, map.size.width}, at::kByte).clone();
}

std::int64_t scored_classes(std::int64_t outputs, std::int64_t ignore) { return ignore == outputs - 1 ? outputs - 1 : outputs; }

}  // namespace sirfp::cli
