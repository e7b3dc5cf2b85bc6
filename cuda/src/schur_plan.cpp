#include "schur_plan.hpp"

#include <algorithm>

#include "device/dense_solver.hpp"
#include "parts.hpp"
#include "schur_tuning.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

using namespace schur_tuning;

// Gives out pieces of the working memory, one behind the other on lines of 256 bytes.
class reservation {
 public:
  std::int64_t take(std::int64_t rows, std::int64_t columns = 1) {
    const std::int64_t begin = taken_;
    std::int64_t piece = 0;
    const bool too_many = __builtin_mul_overflow(rows, columns, &piece) || __builtin_add_overflow(piece, line - 1, &piece) ||
                          __builtin_add_overflow(taken_, piece / line * line, &taken_) || taken_ > INT64_MAX / 8;
    SIRFP_EXPECTS(!too_many, "joint elimination: more than 2^63 bytes of working memory");
    return begin;
  }
  std::int64_t taken() const { return taken_; }

 private:
  static constexpr std::int64_t line = 32;
  std::int64_t taken_ = 0;
};

void lay_out(schur_plan& plan, const schur_size& size) {
  reservation memory;
  std::int64_t largest = 0;
  std::int64_t largest_on_host = 0;
  std::int64_t positions = 0;
  for (const schur_extent& site : size.sites) {
    schur_slot slot;
    slot.precision = memory.take(site.rows, site.rows);
    slot.metric = memory.take(site.rows, site.rows);
    slot.root = memory.take(site.capacity, site.rows);
    slot.p = memory.take(site.capacity, site.rows);
    slot.v = memory.take(site.capacity, site.rows);
    slot.floor = memory.take(site.rows);
    plan.slots.push_back(slot);
    positions += site.positions;
    largest = std::max(largest, site.positions);
    if (site.on_host) largest_on_host = std::max(largest_on_host, site.positions);
  }
  plan.row_totals = memory.take(positions);
  plan.covariance = memory.take(largest_on_host, largest_on_host);
  plan.given_metric = memory.take(largest_on_host, largest_on_host);
  plan.matrix = memory.take(largest, largest);
  plan.solver = memory.take(size.solver_doubles);
  plan.blocks = memory.take(size.block_doubles);
  plan.place_costs = memory.take(size.places);
  plan.costs = memory.take(size.channels);
  plan.removal_costs = memory.take(size.channels);
  plan.doubles = memory.taken();
}

// Blocks that have something to do in some phase of a removal.
std::int64_t useful_blocks(const schur_size& size) {
  std::int64_t chunks = 0;
  std::int64_t tiles = 0;
  for (const schur_extent& site : size.sites) {
    const std::int64_t side = parts(site.rows, tile_side);
    chunks += parts(site.rows, rows_abreast);
    tiles += side * (side + 1);  // of P and of M
  }
  return std::max({std::int64_t{1}, parts(chunks, threads / 32), tiles});
}

}  // namespace

schur_plan plan_schur(const schur_size& size, const device_facts& facts) {
  for (std::size_t s = 0; s < size.sites.size(); ++s)
    SIRFP_EXPECTS(size.sites[s].positions <= device::dense_solver::most_rows, "joint elimination, site ", s, ": ", size.sites[s].positions,
                  " positions, the cuda backend takes ", device::dense_solver::most_rows, " at most");
  schur_plan plan;
  lay_out(plan, size);
  plan.prepare = {"schur_prepare", std::int64_t{facts.multiprocessors} * 8, prepare_threads};
  constexpr std::size_t slot_bytes = 32 * (8 + 4);  // a key and a channel of each warp
  const std::size_t shared = 2 * std::size_t{tile_depth} * tile_side * 8 + slot_bytes + static_cast<std::size_t>(size.turns) * 4;
  SIRFP_EXPECTS(static_cast<std::int64_t>(shared) <= facts.shared_bytes_per_block, "joint elimination: ", size.turns,
                " groups, more than fit the device's ", facts.shared_bytes_per_block, " bytes of shared memory");
  const std::int64_t resident = std::int64_t{facts.multiprocessors} * blocks_per_multiprocessor;
  plan.elimination = {"schur_elimination", std::min(resident, useful_blocks(size)), threads, shared, true};
  return plan;
}

}  // namespace sirfp
