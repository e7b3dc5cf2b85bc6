#include "interrupt.hpp"

#include <csignal>
#include <initializer_list>
#include <utility>

namespace sirfp::cli {
namespace {

volatile std::sig_atomic_t requested = 0;

extern "C" void note_signal(int) { requested = 1; }

class interruptible_executor final : public executor {
 public:
  explicit interruptible_executor(std::shared_ptr<executor> threads) : threads_(std::move(threads)) {}
  int threads() const noexcept override { return threads_->threads(); }
  void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& body) override {
    check_interrupt();
    threads_->parallel_for(count, body);
  }

 private:
  std::shared_ptr<executor> threads_;
};

}  // namespace

void watch_for_interrupts() {
  for (int number : {SIGINT, SIGTERM}) {
    struct sigaction action = {};
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    sigaction(number, &action, nullptr);
  }
}

bool interrupt_requested() noexcept { return requested != 0; }

void check_interrupt() {
  if (interrupt_requested()) throw interrupted("interrupted; nothing was written");
}

std::shared_ptr<executor> interruptible(std::shared_ptr<executor> threads) {
  return std::make_shared<interruptible_executor>(std::move(threads));
}

}  // namespace sirfp::cli
