#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr const char* common_group = "Common";
constexpr const char* image_group = "Images: the network reads (pixel * scale - mean) / std, pixel in 0..255";

std::array<double, 3> reversed(std::array<double, 3> values) {
  std::reverse(values.begin(), values.end());
  return values;
}

image_options from_record(const json& record, const std::string& path) {
  image_options options;
  if (record.is_null()) return options;
  try {
    if (!record.at("size").is_null()) options.size = size_from(path + ": size", record.at("size").get<std::string>());
    record.at("bgr").get_to(options.bgr);
    record.at("scale").get_to(options.scale);
    record.at("mean").get_to(options.mean);
    record.at("std").get_to(options.deviation);
  } catch (const json::exception& problem) {
    throw invalid_argument(text(path, ": its image options make no sense: ", problem.what()));
  }
  return options;
}

}  // namespace

void add_computing_options(CLI::App& app, common_options& options) {
  add_count(app, "--threads", options.threads, 1, "threads to compute on (default: one a core)")->group(common_group);
  add_count(app, "--seed", options.seed, 0, "seed of whatever is drawn at random (default 0)")->group(common_group);
  app.add_flag("--quiet", options.quiet, "no progress on stderr")->group(common_group);
  add_device(app, "--device", options.device, "where to compute (default cpu)")->group(common_group);
}

void add_common_options(CLI::App& app, common_options& options) {
  add_computing_options(app, options);
  app.add_flag("--json", options.as_json, "print the result as one JSON object")->group(common_group);
  add_count(app, "--output", options.output, 0, "which tensor to compare when the network returns several (default: the first)")
      ->group(common_group);
}

void add_memory_option(CLI::App& app, std::optional<std::int64_t>& bytes) {
  add_bytes(app, "--memory", bytes, "what images between two layers may take, such as 2G; the rest waits in TMPDIR (default: half)")
      ->group(common_group);
}

void add_image_options(CLI::App& app, image_arguments& arguments, images_are need, std::int64_t default_limit) {
  auto* images = app.add_option("--images", arguments.folder, "folder of JPEG and PNG files")->type_name("DIR")->group(image_group);
  if (need == images_are::required) images->required();
  const std::string limit = default_limit == 0 ? "all" : std::to_string(default_limit);
  add_count(app, "--limit", arguments.limit, 0, "how many, evenly spaced over the sorted list; 0: all (default " + limit + ")")
      ->group(image_group);
  add_count(app, "--batch", arguments.batch, 1, "images a forward pass, of equal size (default 1)")->group(image_group);
  add_size(app, "--size", arguments.size, "resize every image (default: each as it is)")->group(image_group);
  auto* bgr = app.add_flag("--bgr", arguments.bgr, "the network reads blue, green, red")->group(image_group);
  app.add_flag("--rgb", arguments.rgb, "the network reads red, green, blue (default)")->group(image_group)->excludes(bgr);
  add_number(app, "--scale", arguments.scale, "factor on the pixels (default 1/255)")->group(image_group);
  add_triple(app, "--mean", arguments.mean, "in the order that the network reads (default: ImageNet)")->group(image_group);
  add_triple(app, "--std", arguments.deviation, "in the order that the network reads (default: ImageNet)")->group(image_group);
  app.add_flag("--skip-bad-images", arguments.skip_bad, "leave damaged images out, and list them")->group(image_group);
}

image_options resolve(const image_arguments& arguments, const json& record, const std::string& record_path) {
  image_options options = from_record(record, record_path);
  const bool bgr = arguments.bgr || (options.bgr && !arguments.rgb);
  if (bgr != options.bgr) {  // the values so far belong to the other order
    options.mean = reversed(options.mean);
    options.deviation = reversed(options.deviation);
    options.bgr = bgr;
  }
  if (arguments.size) options.size = arguments.size;
  options.scale = arguments.scale.value_or(options.scale);
  options.mean = arguments.mean.value_or(options.mean);
  options.deviation = arguments.deviation.value_or(options.deviation);
  for (const double deviation : options.deviation) SIRFP_EXPECTS(deviation != 0, "--std: 0 in it; expected numbers to divide by");
  return options;
}

json json_of(const image_options& options) {
  return {{"size", options.size ? json(text_of(*options.size)) : json()},
          {"bgr", options.bgr},
          {"scale", options.scale},
          {"mean", options.mean},
          {"std", options.deviation}};
}

image_folder open_images(const image_arguments& arguments, const image_options& options, std::int64_t default_limit, c10::Device device) {
  return image_folder({.folder = arguments.folder,
                       .limit = arguments.limit.value_or(default_limit),
                       .batch = arguments.batch.value_or(1),
                       .skip_bad = arguments.skip_bad,
                       .device = device},
                      options);
}

json part_of(const std::string& record, const std::string& key, const std::string& path) {
  if (record.empty()) return nullptr;
  const json all = json::parse(record, nullptr, /*allow_exceptions=*/false);
  SIRFP_EXPECTS(all.is_object(), path, ": its options are not a JSON object");
  return all.contains(key) ? all.at(key) : json();
}

}  // namespace sirfp::cli
