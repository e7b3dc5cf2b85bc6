// What is wanted of a picture file.
#pragma once

#include <cstdint>

namespace sirfp::cli {

enum class picture_content : std::uint8_t { size, rgb, labels };

}  // namespace sirfp::cli
