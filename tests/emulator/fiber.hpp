// A stack of its own and a way onto it: what an emulated thread runs on. One operating-system thread; the switches are ours to make.
#pragma once

#include <cstddef>
#include <memory>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace sirfp::emulator {

class fiber {
 public:
  fiber();  // the stack that the program runs on
  // Runs entry(argument) at the first switch to it; `entry` never returns.
  fiber(void (*entry)(void*), void* argument);
  ~fiber();
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;

  // Goes on where `to` left off; returns when somebody switches back. About 10 ns, AddressSanitizer told.
  void switch_to(fiber& to);

 private:
  static void start();
  void arrive() const;
  void* stack_ = nullptr;
  const void* bottom_ = nullptr;  // for AddressSanitizer
  std::size_t size_ = 0;
  void* fake_stack_ = nullptr;
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
#if defined(__x86_64__)
  void* stack_pointer_ = nullptr;
#else
  ucontext_t registers_{};
#endif
};

}  // namespace sirfp::emulator
