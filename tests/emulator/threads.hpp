// The emulated grid while it runs: what device code asks about itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "guarded_memory.hpp"

namespace sirfp::emulator {

// Where in the kernel a collective stands. (clang-tidy 14 does not know std::source_location.)
class site {
 public:
  static constexpr site current(unsigned line = __builtin_LINE()) noexcept { return site(line); }
  constexpr site() noexcept = default;
  constexpr unsigned line() const noexcept { return line_; }

 private:
  explicit constexpr site(unsigned line) noexcept : line_(line) {}
  unsigned line_ = 0;
};

struct grid_shape {
  std::string name;
  std::int64_t blocks = 1;
  int threads = 1;
  std::size_t shared_bytes = 0;
  bool all_resident = false;
};

// A cp.async that was issued and not yet waited for.
struct pending_copy {
  unsigned char* shared;
  const unsigned char* global;
  int bytes;
  int size;
};

// A box that was asked of the copy engine, until somebody waits for its mbarrier.
struct pending_box {
  unsigned char* shared;
  const void* map;
  int image, row, column, bytes;
  std::uint64_t* counter;
};

// This thread's part of a product by warpgroup, until it is waited for.
struct pending_product {
  float* d;
  std::uint64_t a, b;
  bool adds, bf16;
};

struct thread_block;

struct emulated_thread {
  thread_block* home = nullptr;
  int index = 0;
  bool done = false;
  const char* waits_for = nullptr;  // null while it can run
  site where;
  unsigned mask = 0;                                   // of the collective it waits in
  void* argument = nullptr;                            // its part in it, on its own stack
  std::vector<std::vector<pending_copy>> copies;       // groups, the last one still open
  std::vector<std::vector<pending_product>> products;  // the same
};

struct thread_block {
  std::int64_t index = 0;
  guarded_memory shared;
  std::vector<emulated_thread*> threads;
  std::vector<unsigned> waiting_lanes;  // a warp
  std::vector<pending_box> boxes;
  int at_barrier = 0;
  site barrier;  // where the first of them came to it
  int left = 0;  // threads that have not returned
};

emulated_thread& this_thread();
const grid_shape& this_grid();

// Lets another thread run, at random: where the hardware may well do so, as at an atomic operation.
void may_switch();
// Ends the kernel with an error that names it, the block, the thread and the seed.
[[noreturn]] void fail(const std::string& what);
void expect_aligned(const void* pointer, std::size_t bytes, const char* what);

}  // namespace sirfp::emulator
