// The host's part of the joint elimination: variances to the host, where it is decided how much is added to them; sites that lie on the
// host to the device one by one; their inverses, the one long launch, results back.
#include "sirfp/schur_elimination.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cuda_backend.hpp"
#include "device/dense_solver.hpp"
#include "device_array.hpp"
#include "schur_kernels.hpp"
#include "schur_layout.hpp"
#include "schur_plan.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

schur_plan plan_of(const schur_layout& layout, std::span<const schur_site> sites, const device::dense_solver& solver,
                   const device_facts& facts) {
  std::vector<schur_extent> extents;
  std::int64_t largest = 0;
  for (const schur_site_layout& site : layout.sites) {
    const std::int64_t positions = sites[site.index].positions;
    extents.push_back(
        {positions, static_cast<std::int64_t>(site.position.size()), site.capacity, sites[site.index].space == memory_space::host});
    largest = std::max(largest, positions);
  }
  schur_size size{extents};
  size.channels = static_cast<std::int64_t>(layout.gone.size());
  size.places = static_cast<std::int64_t>(layout.places.size());
  size.block_doubles = layout.block_doubles;
  size.turns = static_cast<std::int64_t>(layout.turns.size());
  size.solver_doubles = largest == 0 || largest > device::dense_solver::most_rows ? 0 : solver.workspace_doubles(largest);
  return plan_schur(size, facts);
}

void expect_diagonal(std::span<const double> values, const char* name, std::size_t site) {
  for (std::size_t i = 0; i < values.size(); ++i)
    SIRFP_EXPECTS(std::isfinite(values[i]) && values[i] >= 0, "site ", site, ": ", name, " (", i, ", ", i, ") is ", values[i],
                  ", expected a finite number, not negative");
}

// The diagonal of every site's covariance. Of what lies on the device, where no entry function has looked, both are checked. Waits once.
std::vector<std::vector<double>> variances_sync(std::span<const schur_site> sites, const device_facts& facts, void* stream) {
  std::int64_t resident = 0;
  for (const schur_site& site : sites) resident += site.space == memory_space::host ? 0 : site.positions;
  const device_array<double> diagonals(2 * resident, stream);
  double* next = diagonals.data();
  for (const schur_site& site : sites) {
    if (site.space == memory_space::host || site.positions == 0) continue;
    launch_schur_diagonals(facts, {site.covariance, site.metric, site.positions}, next, stream);
    next += 2 * site.positions;
  }
  const std::vector<double> read = diagonals.to_host_sync();
  std::span<const double> rest(read);
  std::vector<std::vector<double>> variances;
  for (std::size_t s = 0; s < sites.size(); ++s) {
    if (sites[s].space == memory_space::host) {
      variances.push_back(variances_of(sites[s]));
      continue;
    }
    const auto n = static_cast<std::size_t>(sites[s].positions);
    expect_diagonal(rest.first(n), "covariance", s);
    expect_diagonal(rest.subspan(n, n), "metric", s);
    variances.emplace_back(rest.begin(), rest.begin() + sites[s].positions);
    rest = rest.subspan(2 * n);
  }
  return variances;
}

class joint_elimination {
 public:
  joint_elimination(std::span<const schur_site> sites, std::span<const std::vector<double>> variances, schur_layout layout, schur_plan plan,
                    const schur_options& options, void* stream)
      : sites_(sites),
        variances_(variances),
        layout_(std::move(layout)),
        plan_(std::move(plan)),
        options_(options),
        stream_(stream),
        memory_(plan_.doubles, stream),
        failed_(static_cast<std::int64_t>(layout_.sites.size()), stream) {}

  // P and M of every site, and the totals. Waits twice, and once more for every time that a covariance was too near to singular.
  void prepare_sync(const device::dense_solver& solver) {
    failed_.zero();
    for (std::size_t s = 0; s < layout_.sites.size(); ++s) {
      first_row_.push_back(row_count_);
      row_count_ += given(s).positions;
      used_.push_back(regularisation::first(given(s).positions, layout_.sites[s].scale.mean_diagonal, options_.lambda));
      prepare(s, solver);
    }
    totals_ = totals_sync();
    for (;;) {
      const std::vector<std::int32_t> failed = failed_.to_host_sync();
      if (std::ranges::all_of(failed, [](std::int32_t f) { return f == 0; })) return;
      for (std::size_t s = 0; s < failed.size(); ++s) {
        if (failed[s] == 0) continue;
        used_[s] = used_[s].grown(layout_.sites[s].scale.mean_diagonal);
        if (!std::isfinite(used_[s].common))
          throw failure(text("joint elimination, site ", layout_.sites[s].index, ": no Cholesky factor"));
        prepare(s, solver);
      }
    }
  }

  schur_elimination eliminate_sync() {
    schur_elimination result;
    result.total = totals_;
    const std::int64_t channels = static_cast<std::int64_t>(layout_.gone.size());
    if (channels == 0) return result;
    const device_array<std::int32_t> order(channels, stream_);
    const device_array<std::int32_t> removals(1, stream_);
    launch(order.data(), removals.data());
    const auto count = static_cast<std::size_t>(removals.to_host_sync().front());
    if (count == 0) return result;
    result.order = order.to_host_sync();
    result.order.resize(count);
    result.costs.resize(count);
    device::copy_to_host_sync(result.costs.data(), memory_.data() + plan_.removal_costs, count * sizeof(double), stream_);
    return result;
  }

 private:
  const schur_site& given(std::size_t s) const { return sites_[layout_.sites[s].index]; }
  double* at(std::int64_t offset) const { return memory_.data() + offset; }

  schur_given_site on_device(const schur_site& site) const {
    if (site.space != memory_space::host) return {site.covariance, site.metric, site.positions};
    const auto bytes = static_cast<std::size_t>(site.positions * site.positions) * sizeof(double);
    device::copy_to_device(at(plan_.covariance), site.covariance, bytes, stream_);
    device::copy_to_device(at(plan_.given_metric), site.metric, bytes, stream_);
    return {at(plan_.covariance), at(plan_.given_metric), site.positions};
  }

  void prepare(std::size_t s, const device::dense_solver& solver) {
    const schur_site_layout& site = layout_.sites[s];
    const schur_slot& slot = plan_.slots[s];
    const schur_given_site matrices = on_device(given(s));
    const std::int64_t n = matrices.n;
    launch_schur_fill(plan_.prepare, matrices, site.scale, used_[s], at(plan_.matrix), at(plan_.row_totals + first_row_[s]), stream_);
    if (site.position.empty()) return;  // only its total is wanted
    solver.cholesky(at(plan_.matrix), n, at(plan_.solver), failed_.data() + s, stream_);
    solver.invert_from_cholesky(at(plan_.matrix), n, at(plan_.solver), stream_);
    const device_array<std::int32_t> position(std::span<const std::int32_t>(site.position), stream_);
    launch_schur_gather(plan_.prepare, matrices, at(plan_.matrix), position.data(), static_cast<std::int64_t>(site.position.size()),
                        at(slot.precision), at(slot.metric), stream_);
    copy_floors(s);
  }

  void copy_floors(std::size_t s) {
    const schur_site_layout& site = layout_.sites[s];
    std::vector<double> floors;
    for (const std::int64_t i : site.position) {
      const double variance = variances_[site.index][static_cast<std::size_t>(i)] / site.scale.unit / site.scale.rest;
      floors.push_back(1 / (variance + used_[s].added(variance)));
    }
    device::copy_to_device(at(plan_.slots[s].floor), floors.data(), floors.size() * sizeof(double), stream_);
  }

  // tr(M Sigma) of every site, 0 where nothing varies. Any number that is not finite makes it so.
  std::vector<double> totals_sync() const {
    std::vector<double> totals(sites_.size(), 0.0);
    if (row_count_ == 0) return totals;
    std::vector<double> rows(static_cast<std::size_t>(row_count_));
    device::copy_to_host_sync(rows.data(), at(plan_.row_totals), rows.size() * sizeof(double), stream_);
    auto row = rows.begin();
    for (const schur_site_layout& site : layout_.sites) {
      const auto end = row + sites_[site.index].positions;
      const double total = std::accumulate(row, end, 0.0);
      SIRFP_EXPECTS(std::isfinite(total), "site ", site.index, ": tr(metric covariance) is ", total, ", expected finite numbers in both");
      totals[site.index] = std::max(0.0, total) * site.scale.unit * site.scale.rest;
      row = end;
    }
    return totals;
  }

  std::vector<schur_site_job> site_jobs(const std::int32_t* place_of) const {
    std::vector<schur_site_job> jobs;
    for (std::size_t s = 0; s < layout_.sites.size(); ++s) {
      const schur_site_layout& site = layout_.sites[s];
      const schur_slot& slot = plan_.slots[s];
      const auto channels = static_cast<std::int32_t>(site.place_of.size());
      jobs.push_back({at(slot.precision), at(slot.metric), at(slot.root), at(slot.p), at(slot.v), at(slot.floor), place_of, site.scale.unit,
                      site.scale.rest, totals_[site.index], static_cast<std::int32_t>(site.position.size()),
                      static_cast<std::int32_t>(site.capacity), site.first_channel, channels});
      place_of += channels;
    }
    return jobs;
  }

  void launch(std::int32_t* order, std::int32_t* removals) {
    std::vector<std::int32_t> all_place_of;
    for (const schur_site_layout& site : layout_.sites) all_place_of.insert(all_place_of.end(), site.place_of.begin(), site.place_of.end());
    const device_array<std::int32_t> place_of(std::span<const std::int32_t>(all_place_of), stream_);
    const device_array<schur_site_job> sites(site_jobs(place_of.data()), stream_);
    device_array<schur_panel> panels(static_cast<std::int64_t>(layout_.sites.size()), stream_);
    panels.zero();
    const device_array<std::int32_t> first_place(layout_.first_place, stream_);
    const device_array<schur_place> places(layout_.places, stream_);
    const device_array<schur_reach> reach(layout_.reach, stream_);
    const device_array<std::uint32_t> gone(layout_.gone, stream_);
    const device_array<std::uint64_t> keys(static_cast<std::int64_t>(layout_.gone.size()), stream_);
    const device_array<std::int32_t> forced(options_.forced_out, stream_);
    const device_array<schur_turn> turns(layout_.turns, stream_);
    const auto channels = static_cast<std::int32_t>(layout_.gone.size());
    const schur_job job{.sites = sites.data(),
                        .panels = panels.data(),
                        .first_place = first_place.data(),
                        .places = places.data(),
                        .reach = reach.data(),
                        .blocks = at(plan_.blocks),
                        .place_costs = at(plan_.place_costs),
                        .costs = at(plan_.costs),
                        .keys = keys.data(),
                        .gone = gone.data(),
                        .forced = forced.data(),
                        .turns = turns.data(),
                        .cost_limit = options_.cost_limit,
                        .channels = channels,
                        .forced_count = static_cast<std::int32_t>(options_.forced_out.size()),
                        .turn_count = static_cast<std::int32_t>(layout_.turns.size()),
                        .lanes = layout_.lanes,
                        .most = channels,
                        .order = order,
                        .removal_costs = at(plan_.removal_costs),
                        .removals = removals};
    launch_schur_elimination(plan_.elimination, job, stream_);
  }

  std::span<const schur_site> sites_;
  std::span<const std::vector<double>> variances_;
  schur_layout layout_;
  schur_plan plan_;
  const schur_options& options_;
  void* stream_;
  device_array<double> memory_;
  device_array<std::int32_t> failed_;
  std::vector<regularisation> used_;  // per site of the layout
  std::vector<std::int64_t> first_row_;
  std::vector<double> totals_;  // of all sites
  std::int64_t row_count_ = 0;
};

}  // namespace

schur_elimination cuda_backend::eliminate_joint(const context& ctx, std::int64_t channels, std::span<const schur_site> sites,
                                                const schur_options& options) const {
  const device::device_scope scope(device_);
  const cuda_libraries::held_solver solver = libraries_.solver();
  const std::vector<std::vector<double>> variances = variances_sync(sites, facts_, ctx.stream);
  schur_layout layout = lay_out_schur(channels, sites, variances, options);
  schur_plan plan = plan_of(layout, sites, *solver, facts_);
  joint_elimination elimination(sites, variances, std::move(layout), std::move(plan), options, ctx.stream);
  elimination.prepare_sync(*solver);
  return elimination.eliminate_sync();
}

}  // namespace sirfp
