// sirfp merge: adds up states that several machines, or several runs, measured.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "interrupt.hpp"
#include "outputs.hpp"
#include "report.hpp"
#include "session.hpp"
#include "sirfp/calibration_state.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

struct merge_arguments {
  common_options common;
  std::vector<std::string> states;
  std::string output;
};

calibration_state load_complete(const context& ctx, const std::string& path) {
  calibration_state state = load_state(ctx, path);
  SIRFP_EXPECTS(state.pending.empty(), path, ": ", state.pending.size(),
                " images are still to be counted; finish it with sirfp observe --resume");
  return state;
}

void merge_states(const merge_arguments& arguments) {
  SIRFP_EXPECTS(arguments.states.size() >= 2, "merge: ", arguments.states.size(), " state given, expected at least two");
  check_output("-o", arguments.output, {arguments.states.begin(), arguments.states.end()});
  set_up_computing(arguments.common);
  const context ctx = cpu_context();
  progress shown(arguments.common.progress(), "merging", static_cast<std::int64_t>(arguments.states.size()), "states");
  calibration_state state = load_complete(ctx, arguments.states.front());
  shown.advance(1);
  for (std::size_t i = 1; i < arguments.states.size(); ++i) {
    check_interrupt();
    const std::string& path = arguments.states[i];
    const calibration_state other = load_complete(ctx, path);
    try {
      merge(ctx, state, other);
    } catch (const invalid_argument& problem) {
      throw invalid_argument(text(path, ": does not merge with ", arguments.states.front(), ": ", problem.what()));
    }
    shown.advance(1);
  }
  check_interrupt();
  save_state(arguments.output, state);
  const std::vector<written_file> files = {{arguments.output, std::filesystem::file_size(arguments.output)}};
  const json result = {{"command", "merge"}, {"states", arguments.states}, {"images", state.images.size()}, {"files", files_json(files)}};
  print_result(arguments.common, result,
               "merged " + std::to_string(arguments.states.size()) + " states: " + std::to_string(state.images.size()) + " images\n" +
                   files_line(files));
}

}  // namespace

action add_merge(CLI::App& app) {
  auto arguments = std::make_shared<merge_arguments>();
  app.add_option("STATE", arguments->states, "states of one network, measured with the same options on different images")->required();
  app.add_option("-o", arguments->output, "where to write their sum")->required()->type_name("STATE");
  add_common_options(app, arguments->common);
  app.footer("Example:\n  sirfp merge 1.state 2.state 3.state -o net.state");
  return [arguments] { merge_states(*arguments); };
}

}  // namespace sirfp::cli
