#include "tensor_map.hpp"

#include <cuda.h>

#include <cstring>

#include "cuda_error.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::device {
namespace {

// By the runtime, so that nothing links the driver's library.
decltype(&cuTensorMapEncodeTiled) encoder() {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult status{};
  SIRFP_CHECK_CUDA(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &status));
  if (status != cudaDriverEntryPointSuccess) throw failure("the driver has no cuTensorMapEncodeTiled, which CUDA 12.0 brought");
  return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(found);
}

}  // namespace

tensor_map make_tensor_map(const box_source& source, int box_rows) {
  static const auto encode = encoder();
  const auto number = [](std::int64_t value) { return static_cast<cuuint64_t>(value); };
  const cuuint64_t extents[] = {number(source.columns), number(source.rows), number(source.images)};
  const cuuint64_t strides[] = {number(source.row_bytes), number(source.image_bytes)};
  const cuuint32_t box[] = {box_columns, static_cast<cuuint32_t>(box_rows), 1};
  const cuuint32_t steps[] = {1, 1, 1};
  CUtensorMap made{};
  const CUresult status = encode(&made, CU_TENSOR_MAP_DATA_TYPE_UINT16, 3, const_cast<void*>(source.data), extents, strides, box, steps,
                                 CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                                 CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS)
    throw failure(text("CUDA driver error ", static_cast<int>(status), " in cuTensorMapEncodeTiled: ", source.images, " x ", source.rows,
                       " x ", source.columns, " values, strides of ", source.image_bytes, " and ", source.row_bytes, " bytes"));
  static_assert(sizeof(tensor_map) == sizeof(CUtensorMap) && alignof(tensor_map) == alignof(CUtensorMap));
  tensor_map map;
  std::memcpy(&map, &made, sizeof map);
  return map;
}

}  // namespace sirfp::device
