// The dtypes that safetensors names.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sirfp {

// Bytes of one element; 0: not a dtype of the format.
std::uint64_t safetensors_element_bytes(std::string_view dtype) noexcept;
// Bytes of a tensor; nothing if an extent is negative or the product leaves 64 bits.
std::optional<std::uint64_t> safetensors_bytes(std::string_view dtype, const std::vector<std::int64_t>& shape) noexcept;

}  // namespace sirfp
