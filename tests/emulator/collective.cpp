#include "collective.hpp"

#include <bit>

#include "scheduler.hpp"

namespace sirfp::emulator {

scheduler& this_scheduler();

namespace {

std::string place(const site& where) { return "line " + std::to_string(where.line()); }

}  // namespace

void block_barrier(site here) {
  scheduler& all = this_scheduler();
  emulated_thread& self = all.current();
  thread_block& block = *self.home;
  if (block.left < all.shape().threads) fail("block barrier at " + place(here) + ": a thread of the block has returned");
  if (block.at_barrier == 0) block.barrier = here;
  if (block.barrier.line() != here.line())
    fail("block barrier at " + place(here) + ", but other threads are at the one at " + place(block.barrier));
  if (++block.at_barrier < all.shape().threads) return all.sleep("block barrier", here);
  block.at_barrier = 0;
  for (emulated_thread* other : block.threads)
    if (other != &self) all.wake(*other);
  all.wake(self);
  all.sleep(nullptr, here);
}

void grid_barrier(site here) {
  scheduler& all = this_scheduler();
  if (!all.shape().all_resident) fail("grid barrier at " + place(here) + " in a launch without all_resident");
  if (!all.last_at_grid_barrier()) return all.sleep("grid barrier", here);
  all.wake_grid();
}

void warp_collective(const char* name, unsigned mask, void* argument, combine_lanes combine, site here) {
  scheduler& all = this_scheduler();
  emulated_thread& self = all.current();
  thread_block& block = *self.home;
  const int warp = self.index / 32;
  const int lane = self.index % 32;
  if ((mask >> lane & 1U) == 0) fail(std::string(name) + " at " + place(here) + ": this lane is not in its own mask");
  unsigned& waiting = block.waiting_lanes[static_cast<std::size_t>(warp)];
  waiting |= 1U << lane;
  self.mask = mask;
  self.argument = argument;
  if ((waiting & mask) != mask) {
    all.sleep(name, here);
    return;
  }
  void* lanes[32] = {};
  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    const int k = std::countr_zero(rest);
    const emulated_thread& other = *block.threads[static_cast<std::size_t>(warp * 32 + k)];
    if (&other != &self && (other.mask != mask || other.where.line() != here.line() || std::strcmp(other.waits_for, name) != 0))
      fail(std::string(name) + " at " + place(here) + ": lane " + std::to_string(k) + " is in a " + other.waits_for + " at " +
           place(other.where) + ", with mask " + std::to_string(other.mask));
    lanes[k] = other.argument;
  }
  combine(lanes, mask);
  waiting &= ~mask;
  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    emulated_thread& other = *block.threads[static_cast<std::size_t>(warp * 32 + std::countr_zero(rest))];
    other.mask = 0;
    if (&other != &self) all.wake(other);
  }
}

void warp_barrier(unsigned mask, site here) {
  int nothing = 0;
  warp_collective(
      "warp barrier", mask, &nothing, [](void* const(&)[32], unsigned) {}, here);
}

}  // namespace sirfp::emulator
