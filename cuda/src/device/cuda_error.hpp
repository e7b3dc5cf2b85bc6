// A CUDA call that failed, as sirfp::failure with code, expression and place.
#pragma once

#include <cuda_runtime_api.h>

namespace sirfp::device {

void check_cuda(cudaError_t status, const char* what, const char* file, int line);

}  // namespace sirfp::device

#define SIRFP_CHECK_CUDA(call) ::sirfp::device::check_cuda((call), #call, __FILE__, __LINE__)
