// Ctrl-C and SIGTERM: a flag that long work looks at between batches and steps, so that it stops at a place where nothing is half done.
#pragma once

#include <memory>
#include <stdexcept>

#include "sirfp/parallel.hpp"

namespace sirfp::cli {

// Carries what to tell the user.
class interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// From now on the first SIGINT or SIGTERM sets the flag; the second ends the program as it would have without us.
void watch_for_interrupts();
bool interrupt_requested() noexcept;
// Throws `interrupted` if the flag is set.
void check_interrupt();
// `threads`, with check_interrupt() before every parallel_for: stops long work of core between two of its steps. For work that leaves
// nothing half done when it is stopped.
std::shared_ptr<executor> interruptible(std::shared_ptr<executor> threads);

}  // namespace sirfp::cli
