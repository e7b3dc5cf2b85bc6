// Element types of feature maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sirfp {

enum class dtype : std::uint8_t { f32, f16, bf16 };

constexpr std::size_t size_of(dtype type) noexcept { return type == dtype::f32 ? 4 : 2; }
std::string_view name_of(dtype type) noexcept;

// IEEE half and bfloat16 bit patterns to float, exact.
float f16_to_float(std::uint16_t bits) noexcept;
constexpr float bf16_to_float(std::uint16_t bits) noexcept { return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16); }
// Round to nearest even.
std::uint16_t float_to_f16(float value) noexcept;
std::uint16_t float_to_bf16(float value) noexcept;

}  // namespace sirfp
