// Ctrl-C and SIGTERM: a flag that long work looks at between batches and steps, so that it stops at a place where nothing is half done.
#pragma once

#include <stdexcept>

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

}  // namespace sirfp::cli
