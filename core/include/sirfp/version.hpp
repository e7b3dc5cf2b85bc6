#pragma once

namespace sirfp {

inline constexpr const char* version = "0.1.0";

}  // namespace sirfp
