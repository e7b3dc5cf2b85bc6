#include "matrix_product.hpp"

#include <cublas_v2.h>

#include <algorithm>

#include "sirfp/expects.hpp"

namespace sirfp::device {
namespace {

void check_cublas(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw failure(text("cuBLAS error ", static_cast<int>(status), " (", cublasGetStatusString(status), ") in ", what));
}

cudaDataType_t type_of(dtype type) { return type == dtype::f32 ? CUDA_R_32F : type == dtype::f16 ? CUDA_R_16F : CUDA_R_16BF; }

}  // namespace

matrix_multiplier::matrix_multiplier() {
  cublasHandle_t made = nullptr;
  check_cublas(cublasCreate(&made), "cublasCreate");
  handle_ = made;
}

matrix_multiplier::~matrix_multiplier() { cublasDestroy(static_cast<cublasHandle_t>(handle_)); }

// cuBLAS counts by columns: adjacent columns of ours are its columns of height `columns`, to be transposed on the left, and so on.
void matrix_multiplier::multiply_by_transposes(const matrix_batch& batch, float* squares, void* stream) const {
  const std::lock_guard lock(mutex_);
  const auto handle = static_cast<cublasHandle_t>(handle_);
  check_cublas(cublasSetStream(handle, static_cast<cudaStream_t>(stream)), "cublasSetStream");
  const cublasOperation_t left = batch.adjacent_rows ? CUBLAS_OP_N : CUBLAS_OP_T;
  const cublasOperation_t right = batch.adjacent_rows ? CUBLAS_OP_T : CUBLAS_OP_N;
  const std::int64_t pitch = std::max(batch.pitch, batch.adjacent_rows ? batch.rows : batch.columns);  // of a single one it may be anything
  const cudaDataType_t type = type_of(batch.type);
  const float one = 1;
  const float zero = 0;
  check_cublas(cublasGemmStridedBatchedEx_64(handle, left, right, batch.rows, batch.rows, batch.columns, &one, batch.values, type, pitch,
                                             batch.stride, batch.values, type, pitch, batch.stride, &zero, squares, CUDA_R_32F, batch.rows,
                                             batch.rows * batch.rows, batch.count, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
               "cublasGemmStridedBatchedEx");
}

// By columns: X is X^T, and the lower triangle the upper one.
void matrix_multiplier::add_square(const double* x, std::int64_t rows, std::int64_t columns, double* sums, void* stream) const {
  const std::lock_guard lock(mutex_);
  const auto handle = static_cast<cublasHandle_t>(handle_);
  check_cublas(cublasSetStream(handle, static_cast<cudaStream_t>(stream)), "cublasSetStream");
  const double one = 1;
  check_cublas(cublasDsyrk_64(handle, CUBLAS_FILL_MODE_UPPER, CUBLAS_OP_N, columns, rows, &one, x, columns, &one, sums, columns),
               "cublasDsyrk");
}

// By columns: product^T = right^T left^T.
void matrix_multiplier::multiply(const matrix_pair& pair, double* product, void* stream) const {
  const std::lock_guard lock(mutex_);
  const auto handle = static_cast<cublasHandle_t>(handle_);
  check_cublas(cublasSetStream(handle, static_cast<cudaStream_t>(stream)), "cublasSetStream");
  const double one = 1;
  const double zero = 0;
  check_cublas(cublasDgemm_64(handle, CUBLAS_OP_N, CUBLAS_OP_N, pair.columns, pair.rows, pair.inner, &one, pair.right, pair.columns,
                              pair.left, pair.inner, &zero, product, pair.columns),
               "cublasDgemm");
}

}  // namespace sirfp::device
