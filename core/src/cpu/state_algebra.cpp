// Merging of states, shared out by ranges; element by element, so the same bits as the reference for any number of threads.
#include <algorithm>

#include "../parts.hpp"
#include "cpu_backend.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

constexpr std::int64_t chunk = 1 << 16;  // elements; half a MiB

}  // namespace

void cpu_backend::combine(const context& ctx, buffer& into, double scale_into, const buffer& from, double scale_from) const {
  double* a = into.data();
  const double* b = from.data();
  const std::int64_t size = into.size();
  ctx.threads->parallel_for(parts(size, chunk), [=](std::int64_t task) {
    const std::int64_t end = std::min(size, (task + 1) * chunk);
    for (std::int64_t i = task * chunk; i < end; ++i) a[i] = scale_into * a[i] + scale_from * b[i];
  });
}

void cpu_backend::merge_moments(const context& ctx, moments_state& into, const moments_state& from) const {
  const double total = into.host_weight + from.host_weight;
  const double share = total > 0 ? from.host_weight / total : 0;
  const double cross = into.host_weight * share;
  double* mean = into.mean.data();
  const double* other = from.mean.data();
  double* scatter = into.scatter.data();
  const double* added = from.scatter.data();
  constexpr std::int64_t rows = 64;
  ctx.threads->parallel_for(parts(into.channels, rows), [=, channels = into.channels](std::int64_t task) {
    for (std::int64_t i = task * rows; i < std::min(channels, (task + 1) * rows); ++i) {
      const std::int64_t at = packed_index(i, 0);
      const double step = other[i] - mean[i];
      for (std::int64_t j = 0; j <= i; ++j) scatter[at + j] += added[at + j] + cross * (step * (other[j] - mean[j]));
    }
  });
  for (std::int64_t i = 0; i < into.channels; ++i) mean[i] += share * (other[i] - mean[i]);
  into.host_weight = total;
  into.images += from.images;
}

}  // namespace sirfp
