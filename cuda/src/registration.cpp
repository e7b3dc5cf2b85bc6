// make_context("cuda"): linked as an object into every program that uses the library, so that no linker leaves it out.
#include "sirfp/cuda_context.hpp"

namespace sirfp {
namespace {

[[maybe_unused]] const bool registered = [] {
  register_backend("cuda", [](const device_request& asked, std::shared_ptr<executor> threads) {
    return cuda_context(asked.device, asked.stream, std::move(threads),
                        {.precision = asked.exact ? gram_precision::strict : gram_precision::standard});
  });
  return true;
}();

}  // namespace
}  // namespace sirfp
