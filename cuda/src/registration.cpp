// make_context("cuda"), and "cublas" to compare with: linked as an object into every program that uses the library, so that no linker
// leaves it out.
#include "sirfp/cuda_context.hpp"

namespace sirfp {
namespace {

[[maybe_unused]] const bool registered = [] {
  register_backend("cuda", [](int device, std::shared_ptr<executor> threads) { return cuda_context(device, nullptr, std::move(threads)); });
  register_backend("cublas", [](int device, std::shared_ptr<executor> threads) {
    return cuda_context(device, nullptr, std::move(threads), {.engine = gram_engine::cublas});
  });
  return true;
}();

}  // namespace
}  // namespace sirfp
