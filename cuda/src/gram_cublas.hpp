// The Gram matrix of a batch by cuBLAS: the full square by a strided-batched product, then an epilogue. The baseline that the kernels of
// gram.cu are measured against and checked with, and a way out should they fail.
#pragma once

#include "device/matrix_product.hpp"
#include "gram.hpp"
#include "gram_cublas_plan.hpp"

namespace sirfp {

// Reads the map twice: norms or means first, then the product. Where it has weights, is centred or lies in a way that cuBLAS does not
// take, a copy in fp32 is written and read besides. Sums over the pixels in fp32: values whose squares leave it become infinite.
void form_gram_by_cublas(const feature_view& features, const pixel_weights& weights, const gram_target& target,
                         const device::matrix_multiplier& library, void* stream);

// The passes around it (gram_cublas.cu); device pointers, `plan.features` in the first two.
struct cublas_passes {
  const gram_cublas_plan& plan;
  pixel_weights weights;
  gram_target target;
  void* stream;

  // parts[image][channel][range] = sums of w, w x, w |x|; notes what is bad.
  void sum(double* parts) const;
  void norms_of(const double* parts, double* inverse_norms) const;  // 1 / (sum w |x| + epsilon), [image][channel]
  void means_of(const double* parts) const;                         // into the target's mean; and the weight into its notes
  // Of `count` images from `first` on. staged = sqrt(w) (x - mean), or x where nothing is centred.
  void stage(std::int64_t first, std::int64_t count, float* staged) const;
  // The target's matrix += squares[n], scaled by inverse norms where there are any, images ascending.
  void finish(const float* squares, const double* inverse_norms, std::int64_t count) const;
};

}  // namespace sirfp
