// The one gate of all tests that need a GPU: without a device the program is skipped (exit 77), with SIRFP_REQUIRE_GPU=1 it fails.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "sirfp/context.hpp"
#include "sirfp/expects.hpp"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  try {
    sirfp::make_context("cuda");
  } catch (const sirfp::invalid_argument& error) {  // a device that faults is another matter, and fails
    const char* required = std::getenv("SIRFP_REQUIRE_GPU");
    const bool fails = required != nullptr && std::string_view(required) == "1";
    std::cerr << (fails ? "failed: " : "skipped: ") << error.what() << '\n';
    return fails ? 1 : 77;
  }
  return RUN_ALL_TESTS();
}
