// sirfp bench: how fast the engine's kernels are here, beside what the machine can do and what else one would use.
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/bench_report.hpp"
#include "command.hpp"
#include "interrupt.hpp"
#include "outputs.hpp"
#include "report.hpp"
#include "session.hpp"
#include "sirfp/adapter/observe.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr double default_seconds = 2;

struct bench_arguments {
  common_options common;
  std::string network = typical_shapes;
  std::optional<picture_size> size;
  std::optional<std::string> type;
  std::string only;
  std::optional<double> seconds;
  std::string output;
};

dtype type_named(const std::string& name) { return name == "f16" ? dtype::f16 : name == "bf16" ? dtype::bf16 : dtype::f32; }

std::string processor_name() {
  std::ifstream facts("/proc/cpuinfo");
  for (std::string line; std::getline(facts, line);)
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  return "an unknown processor";
}

std::string machine_name(const std::string& device) {
  return device == "cpu" ? std::to_string(at::get_num_threads()) + " threads of " + processor_name() : device;
}

// A row that is still to be measured: its name, which --only looks at, and how.
struct planned_row {
  std::string name;
  std::function<bench_row()> measure;
};

std::string joined(const std::vector<std::string>& layers) {
  std::string all;
  for (const std::string& layer : layers) all += ' ' + layer;
  return all;
}

std::vector<planned_row> planned_rows(const shape_table& table, const bench_setting& setting, stopwatch& watch) {
  std::vector<planned_row> rows;
  const std::vector<map_kind> kinds = distinct_maps(table.layers);
  for (const map_kind& kind : kinds)
    rows.push_back({"similarity" + joined(kind.layers), [kind, &setting, &watch] { return similarity_row(kind, setting, watch); }});
  for (const map_kind& kind : kinds)
    rows.push_back({"moments" + joined(kind.layers), [kind, &setting, &watch] { return moments_row(kind, setting, watch); }});
  if (table.name != typical_shapes && fits_one_call(table.layers, setting)) {
    rows.push_back({"similarity in one call", [&] { return similarity_in_one_call(table.layers, setting, watch); }});
    rows.push_back({"moments in one call", [&] { return moments_in_one_call(table.layers, setting, watch); }});
  }
  rows.push_back({"elimination", [&] { return elimination_row(table.layers, setting, watch); }});
  return rows;
}

void keep_only(std::vector<planned_row>& rows, const std::string& word) {
  std::erase_if(rows, [&](const planned_row& row) { return row.name.find(word) == std::string::npos; });
  SIRFP_EXPECTS(!rows.empty(), "--only ", word,
                ": no row has it in its name; expected similarity, moments, elimination or part of a layer's name");
}

bench_setting setting_of(const bench_arguments& arguments, c10::Device device) {
  const auto threads = interruptible(adapter::aten_executor());
  bench_setting setting{adapter::context_on(device, threads), std::nullopt, type_named(arguments.type.value_or("f32")),
                        arguments.seconds.value_or(default_seconds)};
  if (device.is_cuda())
    setting.cublas = make_context(text("cublas:", static_cast<int>(device.index())), threads, {.stream = adapter::current_stream(device)});
  return setting;
}

void bench(const bench_arguments& arguments) {
  const shape_table table = shapes_of(arguments.network, arguments.size);
  SIRFP_EXPECTS(arguments.seconds.value_or(default_seconds) > 0, "--seconds ", *arguments.seconds, ": expected more than 0");
  if (!arguments.output.empty()) check_output("--json", arguments.output, {});
  set_up_computing(arguments.common);
  at::manual_seed(static_cast<std::uint64_t>(arguments.common.seed.value_or(0)));
  const c10::InferenceMode no_gradients;
  const c10::Device device = arguments.common.device;
  const bench_setting setting = setting_of(arguments, device);
  stopwatch watch{device};
  std::vector<planned_row> rows = planned_rows(table, setting, watch);
  const std::size_t all_rows = rows.size();
  keep_only(rows, arguments.only);

  bench_report report{machine_name(device.str()), table.name, table.origin, setting.type, {}, {}, false};
  if (table.name != typical_shapes) report.network += " at " + text_of(arguments.size.value_or(table_size));
  report.whole = rows.size() == all_rows && table.name != typical_shapes;
  announce(arguments.common.progress(), "measuring bandwidth and products of " + report.device);
  report.rates = measure_rates(watch, setting.type);
  progress shown(arguments.common.progress(), "benchmarking", static_cast<std::int64_t>(rows.size()), "rows");
  for (const planned_row& row : rows) {
    check_interrupt();
    report.rows.push_back(row.measure());
    shown.advance(1);
  }
  if (!arguments.output.empty()) write_text(arguments.output, json_of(report).dump(2) + '\n');
  print_result(arguments.common, {}, text_of(report));
}

}  // namespace

action add_bench(CLI::App& app) {
  auto arguments = std::make_shared<bench_arguments>();
  app.add_option("--network", arguments->network, "whose layers to measure (default: single layers of several networks)")
      ->type_name("NAME");
  add_size(app, "--size", arguments->size, "of the network's input (default " + text_of(table_size) + ")");
  add_choice(app, "--dtype", arguments->type, {"f32", "f16", "bf16"}, "of the maps (default f32)");
  app.add_option("--only", arguments->only, "only rows with this in their name: similarity, moments, elimination or a layer")
      ->type_name("WORD");
  add_number(app, "--seconds", arguments->seconds, "of samples for each figure, at most (default 2)");
  app.add_option("--json", arguments->output, "also write every figure there")->type_name("FILE");
  add_computing_options(app, arguments->common);
  std::string names;
  for (const std::string& name : shape_table_names()) names += ' ' + name;
  app.footer("Networks:" + names + "\nExample:\n  sirfp bench --network deeplabv3plus_r50 --size 512x1024 --only layer3");
  return [arguments] { bench(*arguments); };
}

}  // namespace sirfp::cli
