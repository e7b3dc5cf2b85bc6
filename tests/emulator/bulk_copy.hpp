// The copy engine on the host: a box is NaN until somebody waits for the mbarrier that counts it.
#pragma once

#include <cstdint>

#include "device/tensor_map.hpp"

namespace sirfp::emulator {

void copy_box_async(void* shared, const device::tensor_map& map, int image, int row, int column, std::uint64_t* counter);
void finish_box_copies(const std::uint64_t* counter);

}  // namespace sirfp::emulator
