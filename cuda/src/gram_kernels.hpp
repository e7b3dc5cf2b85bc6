// The launches of the Gram kernels; gram.cu puts them in order.
#pragma once

#include <cstdint>

#include "device/launch.hpp"
#include "device/numbers.cuh"
#include "device/tensor_map.hpp"
#include "gram_task.cuh"

namespace sirfp {

// Terms 1: 16-bit values as they are; 2: everything else. `task.queue` is 0.
template <class Element, int Terms>
void launch_gram_through_registers(const device::launch_shape& shape, const gram_task<Element>& task, int side, void* stream);
// `shifted`: channels begin anywhere.
template <class Element>
void launch_gram_copied(const device::launch_shape& shape, const gram_task<Element>& task, int side, bool shifted, void* stream);

// sm_90a only; tiles of large_side. `map`: boxes of large_side channels of the task's images.
template <class Element>
void launch_gram_wgmma(const device::launch_shape& shape, const gram_task<Element>& task, const device::tensor_map& map, void* stream);

}  // namespace sirfp
