#include "selection.hpp"

#include "sirfp/expects.hpp"
#include "sirfp/preset.hpp"

namespace sirfp::cli {
namespace {

constexpr const char* group = "What goes";

redundancy_scale scale_from(const std::string& name) {
  if (name == "reference") return redundancy_scale::reference;
  return name == "cosine" ? redundancy_scale::cosine : redundancy_scale::resolution_neutral;
}

std::string name_of(redundancy_scale scale) {
  switch (scale) {
    case redundancy_scale::reference:
      return "reference";
    case redundancy_scale::resolution_neutral:
      return "resolution-neutral";
    case redundancy_scale::cosine:
      return "cosine";
  }
  return "";
}

void set_target(const selection_arguments& arguments, allocation_options& options) {
  SIRFP_EXPECTS(arguments.flops || arguments.parameters,
                "no target: expected --flops F or --params F, the fraction that remains, such as --flops 0.5");
  SIRFP_EXPECTS(!arguments.flops || !arguments.parameters, "--flops and --params: expected one of them");
  options.budget = arguments.flops ? budget_kind::flops : budget_kind::parameters;
  options.fraction = arguments.flops ? *arguments.flops : *arguments.parameters;
}

}  // namespace

void add_preset_options(CLI::App& app, selection_arguments& arguments) {
  add_choice(app, "--preset", arguments.preset, {"default", "paper"}, "default, or the AAAI 2025 paper's method step by step")
      ->group(group);
  app.add_option("--backbone", arguments.backbone, "name prefix of the backbone's layers (paper: edge scores and a pool of their own)")
      ->type_name("PREFIX")
      ->group(group);
}

void add_lock_option(CLI::App& app, std::vector<std::string>& patterns) {
  app.add_option("--lock", patterns, "leave groups alone whose layers match (* and ?); repeatable")
      ->type_name("PATTERN")
      ->allow_extra_args(false)
      ->group(group);
}

void add_compensation_option(CLI::App& app, std::optional<std::string>& value) {
  add_choice(app, "--compensate", value, {"ls", "constant", "none"}, "what the kept channels say for the removed ones (default ls)")
      ->group(group);
}

void add_selection_options(CLI::App& app, selection_arguments& arguments) {
  add_fraction(app, "--flops", arguments.flops, "fraction of the FLOPs that remains: 0.4 keeps 40%")->group(group);
  add_fraction(app, "--params", arguments.parameters, "fraction of the parameters that remains")->group(group);
  add_preset_options(app, arguments);
  add_choice(app, "--criterion", arguments.criterion, {"pairwise"}, "what makes a channel redundant")->group(group);
  add_choice(app, "--allocate", arguments.allocate, {"uniform", "threshold"}, "how widths follow from the target")->group(group);
  add_compensation_option(app, arguments.compensate);
  add_choice(app, "--redundancy-scale", arguments.scale, {"reference", "resolution-neutral", "cosine"}, "scale of pairwise redundancy")
      ->group(group);
  add_count(app, "--round-to", arguments.round_to, 1, "widths are multiples of N in groups of 64 channels and more (default 8)")
      ->group(group);
  add_shares(app, "--keep", arguments.keep, "exact share of the groups that match; repeatable")->group(group);
  add_lock_option(app, arguments.lock);
}

selection resolve(const selection_arguments& arguments) {
  selection chosen;
  chosen.preset = arguments.preset.value_or("default");
  const preset start = make_preset(chosen.preset);
  chosen.ranking = start.ranking;
  chosen.allocation = start.widths;
  chosen.compensate = start.compensate;
  set_target(arguments, chosen.allocation);
  chosen.ranking.backbone = arguments.backbone;
  chosen.lock = arguments.lock;
  chosen.allocation.keep = arguments.keep;
  if (arguments.scale) chosen.ranking.scale = scale_from(*arguments.scale);
  if (arguments.compensate) chosen.compensate = compensation_from(*arguments.compensate);
  if (arguments.round_to) {
    SIRFP_EXPECTS(*arguments.round_to <= 4096, "--round-to ", *arguments.round_to, ": expected at most 4096");
    chosen.allocation.round_to = static_cast<int>(*arguments.round_to);
  }
  if (arguments.allocate) {
    const bool threshold = *arguments.allocate == "threshold";
    chosen.allocation.allocate = threshold ? allocator::threshold : allocator::uniform;
    chosen.allocation.percentile_scan = threshold && start.widths.percentile_scan;
  }
  return chosen;
}

bool preset_needs_edges(const selection_arguments& arguments) { return make_preset(arguments.preset.value_or("default")).edge_score; }

std::string name_of(compensation how) {
  switch (how) {
    case compensation::none:
      return "none";
    case compensation::constant:
      return "constant";
    case compensation::least_squares:
      return "ls";
  }
  return "";
}

compensation compensation_from(const std::string& name) {
  for (const compensation how : {compensation::none, compensation::constant, compensation::least_squares}) {
    if (name_of(how) == name) return how;
  }
  throw invalid_argument(text("compensation ", name, ": expected ls, constant or none"));
}

json json_of(const selection& chosen) {
  json keep = json::array();
  for (const auto& [pattern, share] : chosen.allocation.keep) keep.push_back({{"pattern", pattern}, {"share", share}});
  return {{"preset", chosen.preset},
          {"budget", chosen.allocation.budget == budget_kind::flops ? "flops" : "params"},
          {"fraction", chosen.allocation.fraction},
          {"criterion", "pairwise"},
          {"redundancy_scale", name_of(chosen.ranking.scale)},
          {"coupling", chosen.ranking.coupled == coupling::sum ? "sum" : "union"},
          {"edge_weight", chosen.ranking.edge_weight},
          {"backbone", chosen.ranking.backbone},
          {"allocate", chosen.allocation.allocate == allocator::uniform ? "uniform" : "threshold"},
          {"percentile_scan", chosen.allocation.percentile_scan},
          {"round_to", chosen.allocation.round_to},
          {"floor", chosen.allocation.floor},
          {"keep", keep},
          {"lock", chosen.lock},
          {"compensate", name_of(chosen.compensate)}};
}

}  // namespace sirfp::cli
