// Spelling help for error texts: the candidate that is the fewest edits away from a word.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sirfp {

// Least edit distance (insert, delete, replace one character), first of equals; empty if there are no candidates.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace sirfp
