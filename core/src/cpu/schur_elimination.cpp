// Computes: the joint elimination of METHOD 4 over blocked sites.
// Order:    costs are summed over sites in their order; sites are prepared in parallel, each on its own.
// Measured: bench/core/schur_elimination_bench.cpp.
#include <algorithm>
#include <optional>
#include <vector>

#include "../blas_threads.hpp"
#include "../schur_schedule.hpp"
#include "cpu_backend.hpp"
#include "schur_site.hpp"
#include "schur_tuning.hpp"

namespace sirfp {
namespace {

// All sites, and which of their occurrences belong to a channel.
class schur_problem {
 public:
  schur_problem(const context& ctx, std::int64_t channels, std::span<const schur_site> sites, const schur_options& options)
      : threads_(ctx.threads.get()),
        sites_(sites.size()),
        found_(static_cast<std::size_t>(channels)),
        costs_(found_.size()),
        relative_(found_.size()) {
    const auto prepare = [&](std::size_t s, executor* threads) { sites_[s].emplace(sites[s], options.lambda, options.panel, threads); };
    std::vector<std::size_t> small;
    for (std::size_t s = 0; s < sites.size(); ++s) sites[s].positions < schur_large_site ? small.push_back(s) : prepare(s, threads_);
    std::ranges::stable_sort(small, std::greater<>{}, [&](std::size_t s) { return sites[s].positions; });
    threads_->parallel_for(static_cast<std::int64_t>(small.size()),
                           [&](std::int64_t i) { prepare(small[static_cast<std::size_t>(i)], nullptr); });
    for (std::size_t s = 0; s < sites_.size(); ++s)
      for (std::size_t o = 0; o < sites_[s]->occurrences(); ++o) found_[static_cast<std::size_t>(sites_[s]->channel(o))].push_back({s, o});
    for (std::size_t c = 0; c < found_.size(); ++c) update_cost(c);
  }

  std::vector<double> totals() const {
    std::vector<double> found;
    for (const auto& site : sites_) found.push_back(site->total());
    return found;
  }
  std::span<const double> costs() const { return costs_; }
  std::span<const double> relative_costs() const { return relative_; }  // largest over the sites

  void remove(std::int32_t channel) {
    for (const place& at : found_[static_cast<std::size_t>(channel)]) {
      schur_site_state& site = *sites_[at.site];
      site.remove(at.occurrence, threads_);
      for (std::size_t o = 0; o < site.occurrences(); ++o) update_cost(static_cast<std::size_t>(site.channel(o)));
    }
  }

 private:
  struct place {
    std::size_t site, occurrence;
  };
  void update_cost(std::size_t channel) {
    double sum = 0;
    double largest = 0;
    for (const place& at : found_[channel]) {
      const double here = sites_[at.site]->cost(at.occurrence);
      sum += here;
      if (here > 0) largest = std::max(largest, here / sites_[at.site]->total());
    }
    costs_[channel] = sum;
    relative_[channel] = largest;
  }

  executor* threads_;
  std::vector<std::optional<schur_site_state>> sites_;
  std::vector<std::vector<place>> found_;  // per channel, sites ascending
  std::vector<double> costs_, relative_;
};

}  // namespace

schur_elimination cpu_backend::eliminate_joint(const context& ctx, std::int64_t channels, std::span<const schur_site> sites,
                                               const schur_options& options) const {
  const single_threaded_blas guard;
  schur_problem problem(ctx, channels, sites, options);
  schur_schedule schedule(channels, options);
  schur_elimination result;
  result.total = problem.totals();
  for (;;) {
    const std::int32_t channel = schedule.next(problem.costs(), problem.relative_costs());
    if (channel < 0) return result;
    result.order.push_back(channel);
    result.costs.push_back(problem.costs()[static_cast<std::size_t>(channel)]);
    problem.remove(channel);
  }
}

}  // namespace sirfp
