// The `sirfp` program: finds the command, reads its options, and turns every error into one line and an exit code.
#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "interrupt.hpp"
#include "memory_policy.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/nearest.hpp"
#include "sirfp/version.hpp"

namespace {

using namespace sirfp::cli;

enum exit_code : int { success = 0, failed = 1, bad_use = 2, was_interrupted = 130 };

struct command {
  const char* name;
  const char* summary;
  action (*add)(CLI::App&);
};

constexpr std::array commands = {
    command{"prune", "a network and a folder of images in, a smaller network out", add_prune},
    command{"observe", "measure how channels repeat each other on images", add_observe},
    command{"plan", "decide which channels go, from what was measured", add_plan},
    command{"apply", "take them out of the network", add_apply},
    command{"verify", "compare the pruned network with the original", add_verify},
    command{"merge", "add up what several machines measured", add_merge},
    command{"inspect", "show groups, widths, locks and costs of a network", add_inspect},
    command{"bench", "measure how fast the engine's kernels are on this machine", add_bench},
};

constexpr const char* epilogue = R"(Examples:
  sirfp prune net.pt --images photos --flops 0.5 -o small.pt      half of the FLOPs
  sirfp verify net.pt small.pt --images val --labels val_labels --ignore 11
  sirfp inspect net.pt --size 360x480
Step by step, the same:
  sirfp observe net.pt --images photos -o net.state
  sirfp plan net.pt net.state --flops 0.5 -o net.plan
  sirfp apply net.pt net.plan --images photos -o small.pt
NET is TorchScript: torch.jit.trace(model.eval(), torch.rand(1, 3, 360, 480)).save("net.pt")
Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 bad use, 130 interrupted.
sirfp COMMAND --help says more.)";

int complain(exit_code code, std::string_view message) {
  std::string line(message.substr(0, message.find("\nException raised from")));  // c10 adds a stack trace
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  std::fprintf(stderr, "sirfp: %s\n", line.c_str());
  return code;
}

int run(const std::vector<std::string>& arguments, const char* const* argv) {
  CLI::App app(
      "sirfp " + std::string(sirfp::version) + ": finds the channels of a segmentation network that repeat each other, and takes them out.",
      "sirfp");
  app.set_version_flag("--version", std::string("sirfp ") + sirfp::version);
  app.require_subcommand(1);
  app.footer(epilogue);
  app.get_formatter()->column_width(34);
  std::map<std::string, action> actions;
  std::vector<std::string> names;
  for (const command& one : commands) {
    CLI::App& sub = *app.add_subcommand(one.name, one.summary);
    actions[one.name] = one.add(sub);
    names.emplace_back(one.name);
  }
  try {
    if (arguments.empty())
      throw sirfp::invalid_argument(
          "no command: expected one of prune, observe, plan, apply, verify, merge, inspect, bench (sirfp --help)");
    const std::string& name = arguments.front();
    if (actions.contains(name)) {
      refuse_unknown_options(*app.get_subcommand(name), {arguments.begin() + 1, arguments.end()});
    } else if (name[0] == '-') {
      refuse_unknown_options(app, {name});
    } else {
      const std::string close = sirfp::nearest(name, names);
      throw sirfp::invalid_argument("unknown command " + name +
                                    (close.empty() ? "; sirfp --help lists them" : "; did you mean " + close + "?"));
    }
    app.parse(static_cast<int>(arguments.size()) + 1, argv);
    actions.at(app.get_subcommands().front()->get_name())();
    return success;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  }
}

}  // namespace

int main(int argc, char** argv) {
  sirfp::cli::keep_freed_memory();
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error while writing, not the end of the program
  watch_for_interrupts();
  try {
    return run({argv + 1, argv + argc}, argv);
  } catch (const interrupted& stop) {
    return complain(was_interrupted, stop.what());
  } catch (const CLI::ParseError& error) {
    return complain(bad_use, error.what());
  } catch (const sirfp::invalid_argument& error) {
    return complain(bad_use, error.what());
  } catch (const std::bad_alloc&) {
    return complain(failed, "out of memory");
  } catch (const std::exception& error) {
    return complain(failed, error.what());
  }
}
