// launch(shape, stream, kernel, arguments...): runs the kernel on the stream; throws sirfp::failure when it cannot be started. What goes
// wrong while it runs is found at the next call that waits. A grid without blocks is no work.
#pragma once

#include "launch.hpp"
#include "qualifiers.cuh"
#ifdef __CUDACC__
#include "cuda_error.hpp"
#include "sirfp/expects.hpp"
#else
#include "emulator/grid.hpp"
#endif

namespace sirfp::device {

#ifdef __CUDACC__
template <class... Parameters, class... Arguments>
void launch(const launch_shape& shape, void* stream, void (*kernel)(Parameters...), Arguments... arguments) {
  if (shape.blocks == 0) return;
  if (shape.blocks > INT32_MAX) throw failure(text("kernel ", shape.name, ": ", shape.blocks, " blocks, a launch takes 2^31 - 1"));
  if (shape.shared_bytes > 48 << 10)  // above this a kernel has to ask
    check_cuda(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shape.shared_bytes)),
               shape.name, __FILE__, __LINE__);
  cudaLaunchAttribute together{};
  together.id = cudaLaunchAttributeCooperative;
  together.val.cooperative = 1;
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = dim3(static_cast<unsigned>(shape.blocks));
  configuration.blockDim = dim3(static_cast<unsigned>(shape.threads));
  configuration.dynamicSmemBytes = shape.shared_bytes;
  configuration.stream = static_cast<cudaStream_t>(stream);
  configuration.attrs = &together;
  configuration.numAttrs = shape.all_resident ? 1 : 0;
  check_cuda(cudaLaunchKernelEx(&configuration, kernel, static_cast<Parameters>(arguments)...), shape.name, __FILE__, __LINE__);
}
#else
template <class... Parameters, class... Arguments>
void launch(const launch_shape& shape, void*, void (*kernel)(Parameters...), Arguments... arguments) {
  emulator::run_grid({shape.name, shape.blocks, shape.threads, shape.shared_bytes, shape.all_resident},
                     [&] { kernel(static_cast<Parameters>(arguments)...); });
}
#endif

}  // namespace sirfp::device
