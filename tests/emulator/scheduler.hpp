// Which emulated thread runs next.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "fiber.hpp"
#include "threads.hpp"

namespace sirfp::emulator {

// xorshift64*: good enough to shuffle, cheap beside a switch.
class random_order {
 public:
  explicit random_order(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U) {}
  std::uint64_t next() noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dU;
  }
  std::size_t below(std::size_t count) noexcept { return static_cast<std::size_t>((next() >> 32) * count >> 32); }

 private:
  std::uint64_t state_ = 1;
};

// The lanes of a warp that can run.
struct ready_warp {
  std::vector<struct fiber_thread*> lanes;
  std::size_t position = 0;  // among the warps that have some
};

struct fiber_thread : emulated_thread {
  fiber_thread();
  fiber stack;
  ready_warp* warp = nullptr;
};

struct resident_block : thread_block {
  std::vector<ready_warp> warps;
};

// A favourite warp runs until nobody in it can or the dice say otherwise, so that some warps are far ahead of others, as on a GPU: threads
// drawn evenly would stay abreast, and hide what a second set of slots or a second barrier is there for. The launch draws how loyal it is.
class scheduler {
 public:
  scheduler(const grid_shape& shape, const std::function<void()>& body, std::uint64_t seed);
  ~scheduler();
  void run();

  const grid_shape& shape() const noexcept { return shape_; }
  emulated_thread& current() noexcept { return *current_; }
  void may_switch();
  // Sleeps until `wake` names it.
  void sleep(const char* waits_for, site where);
  void wake(emulated_thread& thread);
  // Called by a thread that has come to the grid's barrier.
  bool last_at_grid_barrier() noexcept;
  void wake_grid();
  std::string where() const;  // "kernel edge_score, block 3, thread 17, seed 1"
  void run_thread();          // a fiber's whole life

 private:
  void start_block();
  void finish_block(thread_block& block);
  void go_on();
  void make_ready(fiber_thread* thread);
  fiber_thread* take_next();
  [[noreturn]] void report_deadlock() const;

  const grid_shape& shape_;
  const std::function<void()>& body_;
  std::uint64_t seed_;
  random_order random_;
  std::vector<std::int64_t> to_start_;
  std::vector<std::unique_ptr<resident_block>> resident_;
  std::vector<ready_warp*> ready_;  // those with lanes
  ready_warp* favourite_ = nullptr;
  int loyalty_ = 0;  // the favourite changes once in 2^loyalty draws
  fiber_thread* current_ = nullptr;
  std::int64_t at_grid_barrier_ = 0;
  thread_block* finished_ = nullptr;
  std::exception_ptr error_;
};

}  // namespace sirfp::emulator
