// Which maps share launches. Pure functions of their plans.
#pragma once

#include <span>
#include <vector>

#include "gram_plan.hpp"

namespace sirfp {

// Indices of plans, each group of one kernel and tile: gram_tuning::sites_at_once of them and gram_tuning::workspace_bytes at most.
// Kernels for one site have groups of one. The plans' images are taken at once.
std::vector<std::vector<std::size_t>> group_grams(std::span<const device_gram_plan> plans);

}  // namespace sirfp
