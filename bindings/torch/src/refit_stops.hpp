// Where the sequential refit stops: at operators that are the first to read a site.
#pragma once

#include <cstddef>
#include <unordered_set>
#include <vector>

#include "program.hpp"
#include "sirfp/adapter/capture.hpp"
#include "sirfp/channel_graph.hpp"

namespace sirfp::adapter {

struct refit_stop {
  const torch::jit::Node* node = nullptr;
  struct reading {
    std::size_t site = 0;
    std::size_t input = 0;  // which argument of the node
  };
  std::vector<reading> readings;
  std::unordered_set<const torch::jit::Node*> soon;  // readers of these sites that run before the next stop
};

// In execution order. Throws failure if a site is read inside a loop or a branch.
std::vector<refit_stop> refit_stops(const program& code, const captured_network& captured, const channel_graph& graph);

}  // namespace sirfp::adapter
