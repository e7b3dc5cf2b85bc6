// An operator of the network refused its inputs, as opposed to a graph that the engine cannot handle.
#pragma once

#include "sirfp/expects.hpp"

namespace sirfp::adapter {

class operator_error : public failure {
 public:
  using failure::failure;
};

}  // namespace sirfp::adapter
