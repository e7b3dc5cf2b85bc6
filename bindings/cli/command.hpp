// The commands of the program: each adds its options to a parser and gives back what to do once they are read.
#pragma once

#include <functional>

#include "option_parser.hpp"

namespace sirfp::cli {

using action = std::function<void()>;

action add_prune(CLI::App& app);
action add_observe(CLI::App& app);
action add_plan(CLI::App& app);
action add_apply(CLI::App& app);
action add_verify(CLI::App& app);
action add_merge(CLI::App& app);
action add_inspect(CLI::App& app);
action add_bench(CLI::App& app);

}  // namespace sirfp::cli
