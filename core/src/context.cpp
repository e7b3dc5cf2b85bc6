#include "sirfp/context.hpp"

#include <thread>

#include "cpu/cpu_backend.hpp"
#include "reference/reference_backend.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {

context reference_context() { return {std::make_shared<reference_backend>(), make_thread_pool(1), host_memory(), nullptr}; }

context cpu_context(std::shared_ptr<executor> threads) {
  if (!threads) threads = make_thread_pool(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  return {std::make_shared<cpu_backend>(), std::move(threads), host_memory(), nullptr};
}

context make_context(std::string_view backend_name, std::shared_ptr<executor> threads) {
  if (backend_name == "reference") return reference_context();
  if (backend_name == "cpu") return cpu_context(std::move(threads));
  SIRFP_EXPECTS(backend_name != "cuda", "backend cuda: this build has none (it will come with -DSIRFP_CUDA=ON)");
  throw invalid_argument(text("backend ", backend_name, ": expected reference or cpu"));
}

}  // namespace sirfp
