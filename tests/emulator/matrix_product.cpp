// cuda/src/device/matrix_product.hpp on the host, in its precision: sums in ascending order.
#include "device/matrix_product.hpp"

namespace sirfp::device {
namespace {

float element(const matrix_batch& batch, std::int64_t n, std::int64_t row, std::int64_t column) {
  const std::int64_t at = n * batch.stride + (batch.adjacent_rows ? column * batch.pitch + row : row * batch.pitch + column);
  if (batch.type == dtype::f32) return static_cast<const float*>(batch.values)[at];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(batch.values)[at];
  return batch.type == dtype::f16 ? f16_to_float(bits) : bf16_to_float(bits);
}

}  // namespace

matrix_multiplier::matrix_multiplier() = default;
matrix_multiplier::~matrix_multiplier() = default;

void matrix_multiplier::multiply_by_transposes(const matrix_batch& batch, float* squares, void*) const {
  for (std::int64_t n = 0; n < batch.count; ++n)
    for (std::int64_t i = 0; i < batch.rows; ++i)
      for (std::int64_t j = 0; j < batch.rows; ++j) {
        float sum = 0;
        for (std::int64_t k = 0; k < batch.columns; ++k) sum += element(batch, n, i, k) * element(batch, n, j, k);
        squares[(n * batch.rows + i) * batch.rows + j] = sum;
      }
}

void matrix_multiplier::add_square(const double* x, std::int64_t rows, std::int64_t columns, double* sums, void*) const {
  for (std::int64_t k = 0; k < rows; ++k)
    for (std::int64_t i = 0; i < columns; ++i)
      for (std::int64_t j = 0; j <= i; ++j) sums[i * columns + j] += x[k * columns + i] * x[k * columns + j];
}

void matrix_multiplier::multiply(const matrix_pair& pair, double* product, void*) const {
  for (std::int64_t i = 0; i < pair.rows; ++i)
    for (std::int64_t j = 0; j < pair.columns; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < pair.inner; ++k) sum += pair.left[i * pair.inner + k] * pair.right[k * pair.columns + j];
      product[i * pair.columns + j] = sum;
    }
}

}  // namespace sirfp::device
