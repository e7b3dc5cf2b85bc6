// The launch of redundancy_sum.cu, for the host code in redundancy_sum.cpp. Everything is in device memory.
#pragma once

#include <cstdint>

#include "redundancy_entry.hpp"
#include "sirfp/device_facts.hpp"

namespace sirfp {

// begin [rows + 1], channels: as in row_positions. square [rows x rows].
void launch_redundancy_sum(const device_facts& facts, const redundancy_entry& layer, const std::int32_t* begin,
                           const std::int32_t* channels, std::int64_t rows, double* square, void* stream);

}  // namespace sirfp
