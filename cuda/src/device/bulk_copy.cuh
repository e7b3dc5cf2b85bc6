// Copies by the copy engine (TMA, sm_90): one thread asks for a whole box, and an mbarrier counts its bytes as they come.
#pragma once

#include "mbarrier.cuh"
#include "tensor_map.hpp"
#ifndef __CUDACC__
#include "emulator/bulk_copy.hpp"
#endif

namespace sirfp::device {

#ifdef __CUDACC__
// The box whose first value is (image, row, column), which may lie outside. `shared` is a multiple of 1,024 bytes. The barrier gets the
// bytes of the whole box, zeros included. `map` is a kernel's parameter (SIRFP_GRID_CONSTANT).
SIRFP_DEVICE void copy_box_async(void* shared, const tensor_map& map, int image, int row, int column, mbarrier* counter) {
  asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];\n" ::"r"(
                   shared_address(shared)),
               "l"(&map), "r"(shared_address(counter)), "r"(column), "r"(row), "r"(image)
               : "memory");
}
#else
inline void copy_box_async(void* shared, const tensor_map& map, int image, int row, int column, mbarrier* counter) {
  emulator::copy_box_async(shared, map, image, row, column, &counter->state);
}
#endif

}  // namespace sirfp::device
