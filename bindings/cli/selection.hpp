// What to remove and how: the options of `prune` and `plan`, resolved from a preset and what was typed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "options.hpp"
#include "sirfp/allocation.hpp"
#include "sirfp/compensation.hpp"
#include "sirfp/preset.hpp"
#include "sirfp/ranking.hpp"

namespace sirfp::cli {

struct selection_arguments {
  std::optional<double> flops;
  std::optional<double> parameters;
  bool lossless = false;
  std::optional<std::string> preset;
  std::optional<std::string> criterion;
  std::string scores;
  std::optional<std::string> allocate;
  std::optional<std::string> compensate;
  std::optional<std::string> scale;
  std::optional<bool> refit;
  bool recalibrate = false;
  std::optional<std::int64_t> round_to;
  std::vector<std::pair<std::string, double>> keep;
  std::vector<std::string> lock;
  std::string backbone;
};

// --preset and --backbone decide what has to be observed, so `observe` has them too.
void add_preset_options(CLI::App& app, selection_arguments& arguments);
void add_selection_options(CLI::App& app, selection_arguments& arguments);
void add_compensation_option(CLI::App& app, std::optional<std::string>& value);
void add_lock_option(CLI::App& app, std::vector<std::string>& patterns);

struct selection {
  std::string preset;
  criterion by = criterion::joint;
  width_rule widths = width_rule::measured;
  ranking_options ranking;
  allocation_options allocation;
  compensation compensate = compensation::least_squares;
  bool lossless = false;     // no target: what the others determine goes
  bool refit = true;         // instead of plain least squares, where images are at hand
  bool refit_asked = false;  // then they must be
  bool recalibrate = false;  // BatchNorm statistics, on the images
  std::uint64_t seed = 0;
  std::string scores_file;
  std::map<std::string, std::vector<double>> scores;  // of criterion::given, by group
  std::vector<std::string> lock;
  // Of the covariances' inverse (METHOD 4).
  double lambda() const noexcept { return lossless ? 1e-12 : 1e-3; }
  bool needs_edges() const noexcept { return by == criterion::pairwise && ranking.edge_weight != 0; }
};

// METHOD 9, then what was typed. Throws invalid_argument unless exactly one target is given.
selection resolve(const selection_arguments& arguments, const common_options& common);
// The same without a target: what `observe` prepares for.
selection resolve_preset(const selection_arguments& arguments, const common_options& common);

// What --criterion and --allocate choose from, for the end of a command's help.
extern const char* const selection_footer;

std::string name_of(compensation how);
std::string name_of(criterion by);
compensation compensation_from(const std::string& name);
json json_of(const selection& chosen);

}  // namespace sirfp::cli
