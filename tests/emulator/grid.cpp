#include "grid.hpp"

#include <cstdlib>
#include <mutex>

#include "device_memory.hpp"
#include "machine.hpp"
#include "scheduler.hpp"

namespace sirfp::emulator {
namespace {

struct seed_sequence {
  std::uint64_t seed = 1;
  std::uint64_t launches = 0;
};

seed_sequence& sequence() {
  static seed_sequence only = [] {
    const char* given = std::getenv("SIRFP_EMULATOR_SEED");
    return seed_sequence{given == nullptr ? 1 : std::strtoull(given, nullptr, 10), 0};
  }();
  return only;
}

void expect_launchable(const grid_shape& shape) {
  const bool fits = shape.threads >= 1 && shape.threads <= 1024 && shape.blocks >= 0 && shape.blocks < (std::int64_t{1} << 31) &&
                    shape.shared_bytes <= 227 << 10;
  if (!fits)
    throw kernel_error("kernel " + shape.name + ": cannot be launched with " + std::to_string(shape.blocks) + " blocks of " +
                       std::to_string(shape.threads) + " threads and " + std::to_string(shape.shared_bytes) + " bytes of shared memory");
}

}  // namespace

void run_grid(const grid_shape& shape, const std::function<void()>& body) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  expect_launchable(shape);
  expect_alive(shape.name.c_str());
  seed_sequence& from = sequence();
  scheduler(shape, body, from.seed + (from.launches++ << 32)).run();
  expect_intact_memory("kernel " + shape.name + ", seed " + std::to_string(from.seed));
}

std::uint64_t seed() { return sequence().seed; }
std::uint64_t launches() { return sequence().launches; }
void set_seed(std::uint64_t value) { sequence() = {value, 0}; }

}  // namespace sirfp::emulator
