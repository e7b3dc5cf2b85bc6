// What this machine reaches: bandwidth by copying, arithmetic by square matrix products.
#pragma once

#include <string>

#include "sirfp/dtype.hpp"
#include "stopwatch.hpp"

namespace sirfp::cli {

struct measured_rates {
  machine_rates best;
  std::string bandwidth_from;   // how it was measured, for the reader
  std::string operations_from;  // likewise
};

// On the host products are fp32 whatever the maps are: 16-bit values are widened. On a device they are f16, and fp32 maps need three of
// them for each of theirs (docs/decisions/0008).
measured_rates measure_rates(stopwatch& watch, dtype type);

}  // namespace sirfp::cli
