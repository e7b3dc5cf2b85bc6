// Products of whole matrices by a library. One declaration, two definitions: matrix_product.cpp beside this file by cuBLAS,
// tests/emulator/matrix_product.cpp by plain loops.
#pragma once

#include <cstdint>
#include <mutex>

#include "sirfp/dtype.hpp"

namespace sirfp::device {

// X_n, `rows` x `columns`, in device memory. Values of a row are adjacent, or those of a column.
struct matrix_batch {
  const void* values = nullptr;
  dtype type = dtype::f32;
  std::int64_t count = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  bool adjacent_rows = false;  // neighbours in memory stand in one column
  std::int64_t pitch = 0;      // from a row to the next, or from a column to the next; in elements, as `stride`
  std::int64_t stride = 0;     // from a matrix to the next
};

// Row-major and dense: left [rows x inner], right [inner x columns].
struct matrix_pair {
  const double* left = nullptr;
  const double* right = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t inner = 0;
};

// Holds the library's handle on the device that is current when it is made.
class matrix_multiplier {
 public:
  matrix_multiplier();
  ~matrix_multiplier();
  matrix_multiplier(const matrix_multiplier&) = delete;
  matrix_multiplier& operator=(const matrix_multiplier&) = delete;
  // squares[n] = X_n X_n^T, full and dense, [rows, rows]; products and sums in fp32. Waits for nothing. Any thread may call it.
  void multiply_by_transposes(const matrix_batch& batch, float* squares, void* stream) const;
  // sums += X^T X, [columns x columns] row-major, of X [rows x columns], both dense, in fp64: the lower triangle. Likewise.
  void add_square(const double* x, std::int64_t rows, std::int64_t columns, double* sums, void* stream) const;
  // product = left right, [rows x columns], in fp64. Likewise.
  void multiply(const matrix_pair& pair, double* product, void* stream) const;

 private:
  void* handle_ = nullptr;
  mutable std::mutex mutex_;  // a handle has one stream at a time
};

}  // namespace sirfp::device
