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

void add_reader(const network& net, const captured_network& captured, const consumer& reader, joint_site& site) {
  const at::Tensor rows = block_of(tensor_of(net, captured, reader.weight), reader).to(at::kDouble).contiguous();
  at::Tensor gain = norm_gain(net, captured, reader);
  if (gain.defined()) gain = gain.narrow(0, reader.block * rows.size(0), rows.size(0)).contiguous();
  const consumer_weight weight{values_of(rows), rows.size(0), rows.size(1), rows.size(2),
                               gain.defined() ? values_of(gain) : std::span<const double>()};
  try {
    add_consumer_metric(weight, site.covariance, site.metric);
  } catch (const invalid_argument& error) {
    throw invalid_argument(text(captured.ops.values.at(static_cast<std::size_t>(reader.weight)).name, ": ", error.what()));
  }
}

}  // namespace

std::vector<joint_site> joint_sites(const network& net, const captured_network& captured, const channel_graph& graph,
                                    const std::map<std::string, moments_state>& sites) {
  std::vector<joint_site> result;
  for (const consumer_site& site : graph.sites) {
    const auto state = sites.find(site.name);
    if (state == sites.end()) continue;
    moments measured = moments_sync(state->second);
    const auto n = static_cast<std::size_t>(measured.channels);
    SIRFP_EXPECTS(n == site.layout.size(), "moments of site ", site.name, " have ", n, " channels, expected ", site.layout.size());
    result.push_back({&site, std::move(measured.covariance), std::vector<double>(n * n, 0.0)});
    for (const consumer& reader : site.consumers) add_reader(net, captured, reader, result.back());
  }
  return result;
}

}  // namespace sirfp::adapter
