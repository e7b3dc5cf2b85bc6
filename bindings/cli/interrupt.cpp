#include "interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace sirfp::cli {
namespace {

volatile std::sig_atomic_t requested = 0;

extern "C" void note_signal(int) { requested = 1; }

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

}  // namespace sirfp::cli
