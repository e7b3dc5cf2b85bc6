#include "sirfp/elimination.hpp"

#include "checks.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {

// Shapes are checked here; the entries by the backend, in the pass over them that it makes anyway (they may be in device memory).
std::vector<elimination> eliminate(const context& ctx, std::span<const redundancy_matrix> matrices) {
  constexpr std::int64_t most_channels = (std::int64_t{1} << 22) - 1;  // a degree and a channel index share 63 bits
  for (std::size_t m = 0; m < matrices.size(); ++m) {
    const redundancy_matrix& matrix = matrices[m];
    SIRFP_EXPECTS(matrix.channels >= 0 && matrix.channels <= most_channels, "redundancy matrix ", m, ": ", matrix.channels,
                  " channels, expected 0 to ", most_channels);
    SIRFP_EXPECTS(matrix.row_stride >= matrix.channels, "redundancy matrix ", m, ": row stride ", matrix.row_stride, ", expected at least ",
                  matrix.channels);
    SIRFP_EXPECTS(matrix.data != nullptr || matrix.channels == 0, "redundancy matrix ", m, ": no data");
    entry::check_alignment(text("redundancy matrix ", m), matrix.data, matrix.is_double ? sizeof(double) : sizeof(float));
  }
  std::vector<elimination> results(matrices.size());
  ctx.backend->eliminate(ctx, matrices, results);
  return results;
}

}  // namespace sirfp
