#include "scheduler.hpp"

#include <algorithm>
#include <numeric>

#include "grid.hpp"

namespace sirfp::emulator {
namespace {

// Persistent kernels meet in their queues when a few blocks run at once; more would only cost memory.
constexpr std::size_t most_resident = 4;

scheduler* running = nullptr;

// Fibers outlive a launch: making one costs a system call.
std::vector<std::unique_ptr<fiber_thread>>& idle_fibers() {
  static std::vector<std::unique_ptr<fiber_thread>> idle;
  return idle;
}

fiber& program_stack() {
  thread_local fiber stack;
  return stack;
}

void live(void*) {
  for (;;) running->run_thread();
}

}  // namespace

fiber_thread::fiber_thread() : stack(live, nullptr) {}

emulated_thread& this_thread() { return running->current(); }
const grid_shape& this_grid() { return running->shape(); }
void may_switch() { running->may_switch(); }
scheduler& this_scheduler() { return *running; }

void fail(const std::string& what) { throw kernel_error(running->where() + ": " + what); }

void expect_aligned(const void* pointer, std::size_t bytes, const char* what) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % bytes != 0)
    fail(std::string(what) + ": not aligned to " + std::to_string(bytes) + " bytes");
}

scheduler::scheduler(const grid_shape& shape, const std::function<void()>& body, std::uint64_t seed)
    : shape_(shape), body_(body), seed_(seed), random_(seed), to_start_(static_cast<std::size_t>(shape.blocks)) {
  if (running != nullptr) throw kernel_error("kernel " + shape.name + ": launched from a kernel");
  running = this;
  loyalty_ = 1 + static_cast<int>(random_.below(10));
  std::iota(to_start_.begin(), to_start_.end(), 0);
  for (std::size_t k = to_start_.size(); k > 1; --k) std::swap(to_start_[k - 1], to_start_[random_.below(k)]);
}

scheduler::~scheduler() {
  // Threads that were left asleep cannot be used again.
  for (const auto& block : resident_)
    for (emulated_thread* thread : block->threads) delete static_cast<fiber_thread*>(thread);
  running = nullptr;
}

std::string scheduler::where() const {
  std::string text = "kernel " + shape_.name;
  if (current_ != nullptr) text += ", block " + std::to_string(current_->home->index) + ", thread " + std::to_string(current_->index);
  return text + ", seed " + std::to_string(seed_);
}

void scheduler::start_block() {
  auto block = std::make_unique<resident_block>();
  block->index = to_start_.back();
  to_start_.pop_back();
  block->shared = guarded_memory(shape_.shared_bytes, next_poison());
  block->waiting_lanes.assign(static_cast<std::size_t>(shape_.threads + 31) / 32, 0);
  block->left = shape_.threads;
  block->warps.resize(block->waiting_lanes.size());
  auto& idle = idle_fibers();
  for (int index = 0; index < shape_.threads; ++index) {
    if (idle.empty()) idle.push_back(std::make_unique<fiber_thread>());
    fiber_thread* thread = idle.back().release();
    idle.pop_back();
    static_cast<emulated_thread&>(*thread) = {};
    thread->home = block.get();
    thread->index = index;
    thread->warp = &block->warps[static_cast<std::size_t>(index / 32)];
    block->threads.push_back(thread);
    make_ready(thread);
  }
  resident_.push_back(std::move(block));
}

void scheduler::finish_block(thread_block& block) {
  if (!block.shared.intact())
    throw kernel_error(where() + ": wrote beyond its shared memory of " + std::to_string(shape_.shared_bytes) + " bytes");
  favourite_ = nullptr;  // it may have been one of the block's
  for (emulated_thread* thread : block.threads) idle_fibers().emplace_back(static_cast<fiber_thread*>(thread));
  std::erase_if(resident_, [&](const auto& each) { return each.get() == &block; });
}

void scheduler::run() {
  const std::size_t at_once = shape_.all_resident ? to_start_.size() : 1 + random_.below(most_resident);
  while (!to_start_.empty() || !resident_.empty()) {
    while (!to_start_.empty() && resident_.size() < at_once) start_block();
    if (ready_.empty()) report_deadlock();
    finished_ = nullptr;
    current_ = take_next();
    program_stack().switch_to(current_->stack);
    if (error_) std::rethrow_exception(error_);
    if (finished_ != nullptr) finish_block(*finished_);
    current_ = nullptr;
  }
}

void scheduler::make_ready(fiber_thread* thread) {
  ready_warp& warp = *thread->warp;
  if (warp.lanes.empty()) {
    warp.position = ready_.size();
    ready_.push_back(&warp);
  }
  warp.lanes.push_back(thread);
}

fiber_thread* scheduler::take_next() {
  const bool leaves = (random_.next() >> (64 - loyalty_)) == 0;
  if (leaves || favourite_ == nullptr || favourite_->lanes.empty()) favourite_ = ready_[random_.below(ready_.size())];
  std::vector<fiber_thread*>& lanes = favourite_->lanes;
  std::swap(lanes[random_.below(lanes.size())], lanes.back());
  fiber_thread* const next = lanes.back();
  lanes.pop_back();
  if (lanes.empty()) {
    ready_.back()->position = favourite_->position;
    ready_[favourite_->position] = ready_.back();
    ready_.pop_back();
  }
  return next;
}

// From the current thread, which is asleep, ready again or done, to any other that is ready; else back to the program.
void scheduler::go_on() {
  fiber& from = current_->stack;
  if (ready_.empty() || finished_ != nullptr || error_) return from.switch_to(program_stack());
  current_ = take_next();
  from.switch_to(current_->stack);
}

void scheduler::run_thread() {
  try {
    body_();
  } catch (...) {
    error_ = std::current_exception();
  }
  current_->done = true;
  if (--current_->home->left == 0) finished_ = current_->home;
  go_on();
}

void scheduler::may_switch() {
  if ((random_.next() >> 62) != 0) return;  // one time in four
  make_ready(current_);
  favourite_ = ready_[random_.below(ready_.size())];
  go_on();
}

void scheduler::sleep(const char* waits_for, site where) {
  current_->waits_for = waits_for;
  current_->where = where;
  go_on();
}

void scheduler::wake(emulated_thread& thread) {
  thread.waits_for = nullptr;
  make_ready(static_cast<fiber_thread*>(&thread));
}

bool scheduler::last_at_grid_barrier() noexcept { return ++at_grid_barrier_ == shape_.blocks * shape_.threads; }

void scheduler::wake_grid() {
  at_grid_barrier_ = 0;
  for (const auto& block : resident_)
    for (emulated_thread* thread : block->threads)
      if (thread->waits_for != nullptr) wake(*thread);
}

// Nobody can run: somebody waits for a thread that went elsewhere or has returned.
void scheduler::report_deadlock() const {
  const thread_block& block = *resident_.front();
  const auto asleep = std::ranges::find_if(block.threads, [](const emulated_thread* t) { return !t->done; });
  const emulated_thread& first = **asleep;
  std::string text = "kernel " + shape_.name + ", block " + std::to_string(block.index) + ", thread " + std::to_string(first.index) +
                     ", seed " + std::to_string(seed_) + ": waits for ever in a " + first.waits_for + " at line " +
                     std::to_string(first.where.line());
  for (const emulated_thread* other : block.threads) {
    if (other->done) throw kernel_error(text + "; thread " + std::to_string(other->index) + " has returned");
    if (other->where.line() != first.where.line())
      throw kernel_error(text + "; thread " + std::to_string(other->index) + " is in a " + other->waits_for + " at line " +
                         std::to_string(other->where.line()));
  }
  throw kernel_error(text);
}

}  // namespace sirfp::emulator
