#include <ATen/Parallel.h>

#include <atomic>
#include <exception>
#include <mutex>

#include "sirfp/adapter/observe.hpp"

namespace sirfp::adapter {
namespace {

class aten_pool final : public executor {
 public:
  int threads() const noexcept override { return at::get_num_threads(); }

  // One ATen task a thread, each taking the next body: bodies of unequal length even out.
  void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& body) override {
    std::atomic<std::int64_t> next{0};
    std::mutex mutex;
    std::exception_ptr error;
    std::int64_t error_index = count;
    const auto take = [&](std::int64_t, std::int64_t) {
      for (std::int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
        try {
          body(i);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (i >= error_index) continue;
          error_index = i;
          error = std::current_exception();
        }
      }
    };
    at::parallel_for(0, std::min<std::int64_t>(count, threads()), 1, take);
    if (error) std::rethrow_exception(error);
  }
};

}  // namespace

std::shared_ptr<executor> aten_executor() { return std::make_shared<aten_pool>(); }

}  // namespace sirfp::adapter
