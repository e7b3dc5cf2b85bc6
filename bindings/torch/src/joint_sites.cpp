#include <ATen/ATen.h>

#include "consumer_weights.hpp"
#include "sirfp/adapter/joint.hpp"
#include "sirfp/consumer_metric.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

std::span<const double> values_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<double>(), static_cast<std::size_t>(tensor.numel())};
}

void add_reader(const context& ctx, const network& net, const captured_network& captured, const consumer& reader, site_matrices& site) {
  const at::Tensor rows = block_of(tensor_of(net, captured, reader.weight), reader).to(at::kDouble).contiguous();
  at::Tensor gain = norm_gain(net, captured, reader);
  if (gain.defined()) gain = gain.narrow(0, reader.block * rows.size(0), rows.size(0)).contiguous();
  const consumer_weight weight{values_of(rows), rows.size(0), rows.size(1), rows.size(2),
                               gain.defined() ? values_of(gain) : std::span<const double>()};
  try {
    add_consumer_metric(ctx, weight, site);
  } catch (const invalid_argument& error) {
    throw invalid_argument(text(captured.ops.values.at(static_cast<std::size_t>(reader.weight)).name, ": ", error.what()));
  }
}

}  // namespace

std::vector<joint_site> joint_sites(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph,
                                    const std::map<std::string, moments_state>& sites) {
  std::vector<joint_site> result;
  for (const consumer_site& site : graph.sites) {
    const auto state = sites.find(site.name);
    if (state == sites.end()) continue;
    const moments_state& measured = state->second;
    SIRFP_EXPECTS(measured.channels == static_cast<std::int64_t>(site.layout.size()), "moments of site ", site.name, " have ",
                  measured.channels, " channels, expected ", site.layout.size());
    result.push_back({&site, with_cache_released(net.place->device(), [&] {
                        site_matrices made = site_matrices_sync(ctx, measured);
                        for (const consumer& reader : site.consumers) add_reader(ctx, net, captured, reader, made);
                        return made;
                      })});
  }
  return result;
}

}  // namespace sirfp::adapter
