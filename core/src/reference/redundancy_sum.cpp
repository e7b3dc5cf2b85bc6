#include "sirfp/redundancy_sum.hpp"

#include "redundancy_entry.hpp"
#include "reference_backend.hpp"

namespace sirfp {

void reference_backend::add_redundancy(const context&, const similarity_state& layer, const row_positions& rows, redundancy_scale scale,
                                       std::int64_t pixels, buffer& square) const {
  const redundancy_entry entry = entry_of(layer, scale, pixels);
  const auto positions = [&](std::size_t row) {
    const auto begin = rows.channels.begin();
    return std::span(begin + rows.begin[row], begin + rows.begin[row + 1]);
  };
  const std::size_t n = rows.begin.size() - 1;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = square.data()[i * n + j];
      for (const std::int32_t p : positions(i))
        for (const std::int32_t q : positions(j)) sum += entry.of(p, q);
      square.data()[i * n + j] = square.data()[j * n + i] = sum;
    }
}

}  // namespace sirfp
