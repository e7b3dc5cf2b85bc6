// The launches of the Gram kernels; gram.cu puts them in order.
#pragma once

#include <cstdint>

#include "device/launch.hpp"
#include "device/numbers.cuh"
#include "device/tensor_map.hpp"
#include "gram_task.cuh"

namespace sirfp {

// `queue` is 0. Terms 1: 16-bit values as they are; 2: everything else.
template <class Element, int Terms>
void launch_gram_through_registers(const device::launch_shape& shape, const gram_tasks<Element>& tasks, unsigned* queue, int side,
                                   void* stream);
// `shifted`: channels begin anywhere.
template <class Element>
void launch_gram_copied(const device::launch_shape& shape, const gram_tasks<Element>& tasks, unsigned* queue, int side, bool shifted,
                        void* stream);

// sm_90a only; one site, tiles of large_side. `map`: boxes of large_side channels of its images.
template <class Element>
void launch_gram_wgmma(const device::launch_shape& shape, const gram_task<Element>& task, std::int32_t units, unsigned* queue,
                       const device::tensor_map& map, void* stream);

}  // namespace sirfp
