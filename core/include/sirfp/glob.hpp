// Name patterns: * stands for any characters (none too), ? for one.
#pragma once

#include <string_view>

namespace sirfp {

bool glob_matches(std::string_view pattern, std::string_view name);

}  // namespace sirfp
