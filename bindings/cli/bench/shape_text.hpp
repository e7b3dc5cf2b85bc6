// The files of bench/shapes as text. Defined by the build, which reads them (bindings/cli/CMakeLists.txt).
#pragma once

#include <span>
#include <string_view>

namespace sirfp::cli {

struct shape_text {
  std::string_view name;
  std::string_view content;
};
extern const std::span<const shape_text> shape_texts;  // by name

}  // namespace sirfp::cli
