#include "pooled_moments.hpp"

#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp::adapter {

moments pooled(const std::vector<moments>& sites) {
  if (sites.size() == 1) return sites.front();
  const std::int64_t channels = sites.at(0).channels;
  const auto C = static_cast<std::size_t>(channels);
  moments all{channels, 0, std::vector<double>(C), std::vector<double>(static_cast<std::size_t>(packed_size(channels)))};
  for (const moments& site : sites) {
    SIRFP_EXPECTS(site.channels == channels, "sites of ", site.channels, " and ", channels, " channels read by one weight");
    all.weight += site.weight;
  }
  if (all.weight <= 0) return all;
  for (const moments& site : sites)
    for (std::size_t i = 0; i < C; ++i) all.mean[i] += site.weight / all.weight * site.mean[i];
  for (const moments& site : sites) {
    for (std::size_t i = 0, at = 0; i < C; ++i)
      for (std::size_t j = 0; j <= i; ++j, ++at)
        all.covariance[at] +=
            site.weight / all.weight * (site.covariance[at] + (site.mean[i] - all.mean[i]) * (site.mean[j] - all.mean[j]));
  }
  return all;
}

}  // namespace sirfp::adapter
