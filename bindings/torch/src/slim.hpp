// The slim network before it is finished, when it is still known which of its nodes is a copy of which.
#pragma once

#include "rebuild.hpp"
#include "sirfp/adapter/apply.hpp"

namespace sirfp::adapter {

rebuilt_network rebuild_slim(const network& net, const captured_network& captured, const channel_graph& graph, const plan& p,
                             const compensated_weights& weights);

}  // namespace sirfp::adapter
