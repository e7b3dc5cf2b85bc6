#include "sirfp/packed.hpp"

#include "sirfp/expects.hpp"

namespace sirfp {

std::vector<double> unpack(std::span<const double> packed, std::int64_t n) {
  SIRFP_EXPECTS(n >= 0 && static_cast<std::int64_t>(packed.size()) == packed_size(n), "packed triangle of ", packed.size(),
                " values, expected ", packed_size(n), " for ", n, " channels");
  std::vector<double> full(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0, at = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j, ++at) {
      const double value = packed[static_cast<std::size_t>(at)];
      full[static_cast<std::size_t>(i * n + j)] = value;
      full[static_cast<std::size_t>(j * n + i)] = value;
    }
  return full;
}

}  // namespace sirfp
