#include "sirfp/preset.hpp"

#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

preset paper() {
  preset p;
  p.name = "paper";
  p.by = criterion::pairwise;
  p.ranking.scale = redundancy_scale::reference;
  p.ranking.coupled = coupling::mask_union;
  p.ranking.edge_weight = 0.4;
  p.width = width_rule::threshold;
  p.widths.allocate = allocator::threshold;
  p.widths.percentile_scan = true;
  p.widths.round_to = 1;
  p.widths.floor = 0.02;
  p.compensate = compensation::constant;
  p.refit = false;
  p.edge_score = true;
  return p;
}

preset standard() {
  preset p;
  p.name = "default";
  return p;
}

}  // namespace

preset make_preset(std::string_view name) {
  if (name == "default") return standard();
  if (name == "paper") return paper();
  throw invalid_argument(text("preset ", name, ": expected default or paper"));
}

}  // namespace sirfp
