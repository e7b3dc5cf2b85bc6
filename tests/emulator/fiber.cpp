#include "fiber.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#include "sanitizer.hpp"

#if defined(__x86_64__)
// Saves what a callee must keep on the old stack, takes the new one, restores. Arguments: where to note the old stack pointer, the new one.
extern "C" void sirfp_switch_stack(void** from, void* to);
asm(R"(
.text
.globl sirfp_switch_stack
.type sirfp_switch_stack, @function
sirfp_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size sirfp_switch_stack, .-sirfp_switch_stack
.section .note.GNU-stack,"",@progbits
.text
)");
#endif

namespace sirfp::emulator {
namespace {

constexpr std::size_t stack_bytes = 128 << 10;  // AddressSanitizer's frames are large; untouched pages cost nothing

fiber* arriving = nullptr;  // the one that is being switched to

}  // namespace

fiber::fiber() {
  pthread_attr_t attributes;
  void* lowest = nullptr;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &lowest, &size_);
    pthread_attr_destroy(&attributes);
  }
  bottom_ = lowest;
}

fiber::fiber(void (*entry)(void*), void* argument) : size_(stack_bytes), entry_(entry), argument_(argument) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  stack_ = mmap(nullptr, stack_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack_ == MAP_FAILED) throw std::bad_alloc();
  mprotect(stack_, page, PROT_NONE);  // a kernel that recurses too deep stops here
  bottom_ = static_cast<std::byte*>(stack_) + page;
#if defined(__x86_64__)
  void** top = reinterpret_cast<void**>(const_cast<std::byte*>(static_cast<const std::byte*>(bottom_)) + stack_bytes);
  *--top = nullptr;  // where an unwinder stops; the alignment is that behind a call
  *--top = reinterpret_cast<void*>(&fiber::start);
  for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
  stack_pointer_ = top;
#else
  getcontext(&registers_);
  registers_.uc_stack.ss_sp = const_cast<void*>(bottom_);
  registers_.uc_stack.ss_size = stack_bytes;
  registers_.uc_link = nullptr;
  makecontext(&registers_, &fiber::start, 0);
#endif
}

fiber::~fiber() {
  if (stack_ == nullptr) return;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  SIRFP_UNPOISON(bottom_, size_);  // abandoned frames leave their red zones behind
  munmap(stack_, stack_bytes + page);
}

// After a switch, on the new stack.
void fiber::arrive() const {
#ifdef SIRFP_ADDRESS_SANITIZER
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(fake_stack_, &bottom, &size);
#endif
}

void fiber::start() {
  fiber& self = *arriving;
  self.arrive();
  self.entry_(self.argument_);
}

void fiber::switch_to(fiber& to) {
  if (&to == this) return;
  arriving = &to;
#ifdef SIRFP_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&fake_stack_, to.bottom_, to.size_);
#endif
#if defined(__x86_64__)
  sirfp_switch_stack(&stack_pointer_, to.stack_pointer_);
#else
  swapcontext(&registers_, &to.registers_);
#endif
  arrive();
}

}  // namespace sirfp::emulator
