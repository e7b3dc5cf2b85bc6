#include "selection.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "npz.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/preset.hpp"

namespace sirfp::cli {
namespace {

constexpr const char* group = "What goes";
const choices criterion_names = {"joint", "pairwise", "l1", "bn", "fpgm", "random"};  // criterion::given is --scores
const choices width_rule_names = {"measured", "joint", "uniform", "threshold"};

template <class Enum>
Enum from_name(const choices& names, const std::string& name) {
  return static_cast<Enum>(std::find(names.begin(), names.end(), name) - names.begin());
}

selection from_preset(const std::string& name) {
  const preset base = make_preset(name);
  selection chosen;
  chosen.preset = name;
  chosen.by = base.by;
  chosen.ranking = base.ranking;
  chosen.widths = base.width;
  chosen.allocation = base.widths;
  chosen.compensate = base.compensate;
  chosen.refit = base.refit;
  return chosen;
}

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
                "no target: expected --flops F or --params F, the fraction that remains, such as --flops 0.5 (or --lossless)");
  SIRFP_EXPECTS(!arguments.flops || !arguments.parameters, "--flops and --params: expected one of them");
  options.budget = arguments.flops ? budget_kind::flops : budget_kind::parameters;
  options.fraction = arguments.flops ? *arguments.flops : *arguments.parameters;
}

// Nothing is weighed against anything: the options that do make no sense.
void make_lossless(const selection_arguments& arguments, selection& chosen) {
  SIRFP_EXPECTS(!arguments.flops && !arguments.parameters,
                "--lossless: expected without --flops and --params; it removes what costs nothing");
  SIRFP_EXPECTS(!arguments.preset && !arguments.criterion && arguments.scores.empty() && !arguments.allocate && !arguments.compensate &&
                    !arguments.refit && !arguments.recalibrate && !arguments.round_to && arguments.keep.empty(),
                "--lossless: expected with no option of how to remove but --lock");
  chosen.lossless = true;
  chosen.refit = false;
}

}  // namespace

const char* const selection_footer = R"(
--criterion: joint (what the others together predict), pairwise (what single others repeat); to compare with: l1 (small filters), bn (small
BatchNorm factors), fpgm (filters near the others), random (--seed).
--allocate: measured (by the measured loss of each group), joint (by the predicted one), uniform (one share), threshold (one on all scores).)";

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
  app.add_flag("--lossless", arguments.lossless, "instead of a target: only what is dead, a duplicate, or a sum of others")->group(group);
  add_preset_options(app, arguments);
  add_choice(app, "--criterion", arguments.criterion, criterion_names, "what goes first (default joint: what the others together predict)")
      ->group(group);
  app.add_option("--scores", arguments.scores, "a criterion of your own: np.savez(FILE, **{group: importance of each channel})")
      ->type_name("FILE")
      ->group(group);
  add_choice(app, "--allocate", arguments.allocate, width_rule_names,
             "how widths follow from the target (default measured: by what each group costs)")
      ->group(group);
  add_compensation_option(app, arguments.compensate);
  // A flag bound to an optional would be set to false when it is not given.
  app.add_flag_function(
         "--refit,!--no-refit", [&arguments](std::int64_t times) { arguments.refit = times > 0; },
         "least squares layer by layer, original and cut network side by side (default with images)")
      ->group(group);
  app.add_flag("--recalibrate", arguments.recalibrate, "measure BatchNorm statistics anew on the images, after the compensation")
      ->group(group);
  add_choice(app, "--redundancy-scale", arguments.scale, {"reference", "resolution-neutral", "cosine"}, "scale of pairwise redundancy")
      ->group(group);
  add_count(app, "--round-to", arguments.round_to, 1, "widths are multiples of N in groups of 64 channels and more (default 8)")
      ->group(group);
  add_shares(app, "--keep", arguments.keep, "exact share of the groups that match; repeatable")->group(group);
  add_lock_option(app, arguments.lock);
}

selection resolve_preset(const selection_arguments& arguments, const common_options& common) {
  selection chosen = from_preset(arguments.preset.value_or("default"));
  chosen.seed = static_cast<std::uint64_t>(common.seed.value_or(0));
  chosen.ranking.backbone = arguments.backbone;
  chosen.lock = arguments.lock;
  return chosen;
}

selection resolve(const selection_arguments& arguments, const common_options& common) {
  selection chosen = resolve_preset(arguments, common);
  if (arguments.lossless)
    make_lossless(arguments, chosen);
  else
    set_target(arguments, chosen.allocation);
  chosen.allocation.keep = arguments.keep;
  if (arguments.scale) chosen.ranking.scale = scale_from(*arguments.scale);
  if (arguments.compensate) chosen.compensate = compensation_from(*arguments.compensate);
  chosen.refit_asked = arguments.refit.value_or(false);
  SIRFP_EXPECTS(!chosen.refit_asked || chosen.compensate == compensation::least_squares, "--refit: expected with --compensate ls");
  chosen.refit = arguments.refit.value_or(chosen.refit) && !chosen.lossless && chosen.compensate == compensation::least_squares;
  chosen.recalibrate = arguments.recalibrate;
  if (arguments.criterion) chosen.by = from_name<criterion>(criterion_names, *arguments.criterion);
  if (!arguments.scores.empty()) {
    SIRFP_EXPECTS(!arguments.criterion, "--scores and --criterion: expected one of them");
    chosen.by = criterion::given;
    chosen.scores_file = arguments.scores;
    chosen.scores = read_npz(arguments.scores);
  }
  if (arguments.round_to) {
    SIRFP_EXPECTS(*arguments.round_to <= 4096, "--round-to ", *arguments.round_to, ": expected at most 4096");
    chosen.allocation.round_to = static_cast<int>(*arguments.round_to);
  }
  if (arguments.allocate) chosen.widths = from_name<width_rule>(width_rule_names, *arguments.allocate);
  chosen.allocation.allocate = chosen.widths == width_rule::threshold ? allocator::threshold : allocator::uniform;
  if (chosen.widths != width_rule::threshold) chosen.allocation.percentile_scan = false;
  SIRFP_EXPECTS(chosen.by != criterion::joint || chosen.widths != width_rule::threshold,
                "--allocate threshold: expected with --criterion pairwise; joint costs of different groups have no common threshold");
  return chosen;
}

std::string name_of(criterion by) { return by == criterion::given ? "given" : criterion_names.at(static_cast<std::size_t>(by)); }

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
          {"budget", chosen.lossless                                  ? "lossless"
                     : chosen.allocation.budget == budget_kind::flops ? "flops"
                                                                      : "params"},
          {"fraction", chosen.allocation.fraction},
          {"criterion", name_of(chosen.by)},
          {"redundancy_scale", name_of(chosen.ranking.scale)},
          {"coupling", chosen.ranking.coupled == coupling::sum ? "sum" : "union"},
          {"edge_weight", chosen.ranking.edge_weight},
          {"backbone", chosen.ranking.backbone},
          {"allocate", width_rule_names.at(static_cast<std::size_t>(chosen.widths))},
          {"refit", chosen.refit},
          {"recalibrate", chosen.recalibrate},
          {"percentile_scan", chosen.allocation.percentile_scan},
          {"round_to", chosen.allocation.round_to},
          {"floor", chosen.allocation.floor},
          {"keep", keep},
          {"lock", chosen.lock},
          {"seed", chosen.seed},
          {"compensate", name_of(chosen.compensate)}};
}

}  // namespace sirfp::cli
