// The plan: what is removed from which network, and why. Versioned JSON (docs/plan.schema.json).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sirfp/allocation.hpp"
#include "sirfp/channel_graph.hpp"
#include "sirfp/cost.hpp"
#include "sirfp/fingerprint.hpp"
#include "sirfp/predictors.hpp"
#include "sirfp/ranking.hpp"

namespace sirfp {

struct planned_group {
  std::string name;
  std::int64_t channels = 0;
  std::string lock_reason;          // empty when not locked
  std::vector<std::int32_t> kept;   // ascending
  std::vector<std::int32_t> order;  // elimination order; of several units one after another
  std::vector<double> marginals;
  std::vector<double> scores;
  // What its removals alone are expected to do to the network's output: sum (y' - y)^2 / sum (y - mean y)^2. `measured` widths know it.
  std::optional<double> predicted_error;
  std::vector<predicted_channel> best_predicted;  // removed channels, and who speaks for them
};

// Positions of one parameter's axis that stay; an axis that loses nothing is not listed.
// blocks > 1: the b-th equal part of `kept` (indices within the block) serves the rows of block b.
struct parameter_slice {
  std::string parameter;
  std::int32_t axis = 0;
  std::int64_t blocks = 1;
  std::vector<std::int64_t> kept;
};

// Integer literal `element` of argument `argument` of operator `op` (index and "name@place" in the op list) changes from one value to
// another. Only literals that change are listed.
struct literal_edit {
  std::int32_t op = -1;
  std::string place;
  std::int32_t argument = -1;
  std::int32_t element = 0;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

struct plan {
  int version = 1;
  network_fingerprint network;
  std::vector<planned_group> groups;
  std::vector<parameter_slice> slices;
  std::vector<literal_edit> literals;
  network_cost before;
  network_cost after;
  std::vector<std::int64_t> input_shape;
  std::string options;       // JSON text: preset, budget, criterion, compensation, image options ...
  std::string provenance;    // JSON text: sirfp version, date, calibration images, backend
  std::string weights_file;  // name of the compensated weights beside the plan, empty if there are none
  std::string weights_hash;
};

// Groups in the graph's order, slices and literal edits that follow from the mask. The fingerprint is fingerprint_of(network), without the
// hashes of the parameters' values; the front end, which owns them, replaces it. Options, provenance and weights are the caller's to fill.
plan make_plan(const op_list& network, const channel_graph& graph, const std::vector<ranked_unit>& ranking, const allocation& widths);
// The sum over the groups; nothing where no group knows.
std::optional<double> predicted_error(const plan& p);
channel_mask mask_of(const plan& p, const channel_graph& graph);
// Throws invalid_argument with the first thing that is wrong: another network's plan, another group list, kept indices out of range,
// repeated or unsorted, slices or literals that do not follow from the kept channels, blocks of unequal size.
void check_plan(const plan& p, const op_list& network, const channel_graph& graph, const network_fingerprint& fingerprint);

std::string to_json(const plan& p);
// Throws invalid_argument naming path and field: not JSON, not a plan, a newer version, a field missing or of the wrong type.
plan plan_from_json(const std::string& json, const std::string& path);

}  // namespace sirfp
