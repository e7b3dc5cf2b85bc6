// Count, mean and sum of squared deviations of some values: what two threads' shares of them are merged as.
#pragma once

#include <cstdint>

#include "device/qualifiers.cuh"

namespace sirfp {

struct spread {
  double count, mean, squares;
};

// Chan's update. The same bits for the same operands in the same order.
SIRFP_DEVICE spread merged(const spread& a, const spread& b) {
  if (b.count == 0) return a;
  if (a.count == 0) return b;
  const double count = a.count + b.count;
  const double step = b.mean - a.mean;
  return {count, a.mean + step * (b.count / count), a.squares + b.squares + step * step * (a.count * (b.count / count))};
}

}  // namespace sirfp
