#include "sirfp/context.hpp"

#include <charconv>
#include <map>
#include <string>
#include <thread>

#include "cpu/cpu_backend.hpp"
#include "reference/reference_backend.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

std::map<std::string, context_factory, std::less<>>& factories() {
  static std::map<std::string, context_factory, std::less<>> registered;
  return registered;
}

// What stands behind "cuda:", 0 without it.
int device_in(std::string_view backend_name) {
  const std::size_t colon = backend_name.find(':');
  if (colon == std::string_view::npos) return 0;
  int device = -1;
  const char* const end = backend_name.data() + backend_name.size();
  const auto [rest, error] = std::from_chars(backend_name.data() + colon + 1, end, device);
  SIRFP_EXPECTS(error == std::errc{} && rest == end && device >= 0, "backend ", backend_name,
                ": expected a device number behind the colon");
  return device;
}

}  // namespace

context reference_context() { return {std::make_shared<reference_backend>(), make_thread_pool(1), host_memory(), nullptr}; }

context cpu_context(std::shared_ptr<executor> threads) {
  if (!threads) threads = make_thread_pool(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  return {std::make_shared<cpu_backend>(), std::move(threads), host_memory(), nullptr};
}

context make_context(std::string_view backend_name, std::shared_ptr<executor> threads, device_request request) {
  if (backend_name == "reference") return reference_context();
  if (backend_name == "cpu") return cpu_context(std::move(threads));
  const std::string_view name = backend_name.substr(0, backend_name.find(':'));
  if (const auto found = factories().find(name); found != factories().end()) {
    request.device = device_in(backend_name);
    return found->second(request, std::move(threads));
  }
  SIRFP_EXPECTS(name != "cuda", "backend ", backend_name, ": this build has none (-DSIRFP_CUDA=ON brings it)");
  throw invalid_argument(text("backend ", backend_name, ": expected reference or cpu"));
}

bool has_backend(std::string_view name) { return name == "reference" || name == "cpu" || factories().contains(name); }

void register_backend(std::string_view name, context_factory make) { factories().insert_or_assign(std::string(name), std::move(make)); }

}  // namespace sirfp
