// How a joint elimination is run: where everything lies in one piece of working memory, and how the kernels are launched.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/launch.hpp"
#include "sirfp/device_facts.hpp"

namespace sirfp {

struct schur_extent {
  std::int64_t positions = 0;
  std::int64_t rows = 0;      // that removals can reach
  std::int64_t capacity = 0;  // columns of the panel
  bool on_host = true;        // its matrices are copied to the device
};

// What the problem is made of, in plain numbers.
struct schur_size {
  std::span<const schur_extent> sites;
  std::int64_t channels = 0;
  std::int64_t places = 0;
  std::int64_t block_doubles = 0;
  std::int64_t turns = 1;
  std::int64_t solver_doubles = 0;  // workspace of the largest site
};

// Offsets of one site's arrays.
struct schur_slot {
  std::int64_t precision = 0, metric = 0;  // [rows x rows]
  std::int64_t root = 0, p = 0, v = 0;     // [capacity x rows]
  std::int64_t floor = 0;                  // [rows]
};

struct schur_plan {
  std::vector<schur_slot> slots;
  std::int64_t row_totals = 0;                    // [positions of all sites]
  std::int64_t matrix = 0, solver = 0;            // of one site at a time, while it is inverted
  std::int64_t covariance = 0, given_metric = 0;  // likewise, of one that lies on the host
  std::int64_t blocks = 0, place_costs = 0, costs = 0, removal_costs = 0;
  std::int64_t doubles = 0;  // of working memory
  device::launch_shape prepare;
  device::launch_shape elimination;
};

// Offsets and sizes count doubles. Throws invalid_argument for a site that the solver cannot take, or more than 64 bits can count.
schur_plan plan_schur(const schur_size& size, const device_facts& facts);

}  // namespace sirfp
