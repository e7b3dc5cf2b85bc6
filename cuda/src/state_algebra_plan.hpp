// Launches of the element-wise kernels.
#pragma once

#include <cstdint>

#include "device/launch.hpp"
#include "sirfp/device_facts.hpp"

namespace sirfp {

// Enough blocks to fill the device, each thread going over the elements with the grid's stride; never more than there is work for.
device::launch_shape plan_elementwise(const char* kernel, std::int64_t elements, const device_facts& facts);

}  // namespace sirfp
