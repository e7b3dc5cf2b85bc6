// The launches of consumer_metric.cu, for the host code in consumer_metric.cpp. Everything is in device memory, matrices are [n x n]
// row-major.
#pragma once

#include <cstdint>

#include "sirfp/device_facts.hpp"

namespace sirfp {

// square = scale times the matrix whose lower triangle is `packed`.
void launch_covariance(const device_facts& facts, const double* packed, std::int64_t n, double scale, double* square, void* stream);

// Of a weight [outputs x inputs x taps]: rows[(output, tap) x input] = scale[output] * weight; without `scale` as it is.
void launch_metric_rows(const device_facts& facts, const double* weight, const double* scale, std::int64_t outputs, std::int64_t inputs,
                        std::int64_t taps, double* rows, void* stream);
// denominator = tr(gram covariance), from the lower triangles; row_sums: n numbers of working memory.
void launch_metric_denominator(const device_facts& facts, const double* gram, const double* covariance, std::int64_t n, double* row_sums,
                               double* denominator, void* stream);
// metric += gram / denominator, from gram's lower triangle; nothing where the denominator is not positive or has no inverse. Without a
// denominator it is 1.
void launch_metric_add(const device_facts& facts, const double* gram, const double* denominator, std::int64_t n, double* metric,
                       void* stream);

}  // namespace sirfp
