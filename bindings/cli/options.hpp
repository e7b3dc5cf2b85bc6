// The option groups that commands share: as typed, resolved, and as the JSON record that states and plans carry.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "images.hpp"
#include "progress.hpp"

namespace sirfp::cli {

using json = nlohmann::ordered_json;

// --threads --seed --json --quiet --device --output: every command.
struct common_options {
  std::optional<std::int64_t> threads;  // torch's default otherwise
  std::optional<std::int64_t> seed;
  bool as_json = false;
  bool quiet = false;
  c10::Device device = c10::kCPU;
  std::optional<std::int64_t> output;  // which tensor of several outputs is compared
  progress_style progress() const { return progress_style_of_stderr(quiet); }
};
void add_common_options(CLI::App& app, common_options& options);
// --threads --seed --quiet --device alone, for commands that look at no network.
void add_computing_options(CLI::App& app, common_options& options);
// --memory, of the commands that refit; absent: sweep_options' default.
void add_memory_option(CLI::App& app, std::optional<std::int64_t>& bytes);

// --images and how they are read. What is not typed comes from the record of a state or plan, else it is the default.
struct image_arguments {
  std::string folder;
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> batch;
  bool skip_bad = false;
  std::optional<picture_size> size;
  bool bgr = false;
  bool rgb = false;
  std::optional<double> scale;
  std::optional<std::array<double, 3>> mean;
  std::optional<std::array<double, 3>> deviation;
};
enum class images_are : std::uint8_t { required, optional };
void add_image_options(CLI::App& app, image_arguments& arguments, images_are need, std::int64_t default_limit);
// `record`: json_of(image_options) of an earlier step, or null. `record_path` is named when the record makes no sense.
image_options resolve(const image_arguments& arguments, const json& record, const std::string& record_path);
json json_of(const image_options& options);
// Throws invalid_argument: see image_folder.
image_folder open_images(const image_arguments& arguments, const image_options& options, std::int64_t default_limit, c10::Device device);

// The part `key` of a record that a state or plan carries as JSON text; null where there is none. Throws invalid_argument naming the path.
json part_of(const std::string& record, const std::string& key, const std::string& path);

}  // namespace sirfp::cli
