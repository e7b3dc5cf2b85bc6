#include "refit_stops.hpp"

#include <unordered_map>

#include "site_reading.hpp"

namespace sirfp::adapter {

std::vector<refit_stop> refit_stops(const program& code, const captured_network& captured, const channel_graph& graph) {
  std::unordered_map<const torch::jit::Node*, refit_stop> found;
  for (std::size_t s = 0; s < graph.sites.size(); ++s) {
    const site_reading first = first_reading(captured, graph.sites[s]);
    refit_stop& at = found[first.node];
    at.node = first.node;
    at.readings.push_back({s, first.input});
  }
  std::vector<refit_stop> stops;
  std::unordered_set<const torch::jit::Node*> readers;  // of the last stop's sites
  for (const instruction& step : code.body.code) {
    if (const auto here = found.find(step.node); here != found.end()) {
      stops.push_back(std::move(here->second));
      readers.clear();
      for (const refit_stop::reading& reading : stops.back().readings)
        for (const consumer& reader : graph.sites[reading.site].consumers)
          readers.insert(captured.nodes.at(static_cast<std::size_t>(reader.op)));
    }
    if (readers.contains(step.node)) stops.back().soon.insert(step.node);
  }
  if (stops.size() != found.size()) throw failure("network: a consumer of its channels runs inside a loop or a branch");
  return stops;
}

}  // namespace sirfp::adapter
