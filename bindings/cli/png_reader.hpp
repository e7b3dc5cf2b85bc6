// libpng behind one function; its errors come back as text.
#pragma once

#include <cstdio>
#include <string>

#include "picture.hpp"
#include "picture_content.hpp"

namespace sirfp::cli {

// Fills `result` (of `size` only the size) and returns an empty text, or what is wrong with the file.
std::string read_png(std::FILE* file, picture_content content, picture& result);

}  // namespace sirfp::cli
