// The GPU backend of the install tree is there by being linked; whether this machine has a GPU is another matter.
#include <cstdio>
#include <stdexcept>
#include <string>

#include "sirfp/cuda_context.hpp"

int main() {
  try {
    sirfp::make_context("cuda");
    std::puts("cuda: a device");
  } catch (const std::invalid_argument& error) {
    std::puts(error.what());
    return std::string(error.what()).find("this build has none") == std::string::npos ? 0 : 1;
  }
}
