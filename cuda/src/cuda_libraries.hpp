// The libraries that a backend calls. Handles are dear to make and cheap to keep, so the first call that needs one makes it, on the device
// that is current then: the backend's.
#pragma once

#include <memory>
#include <mutex>

#include "device/dense_solver.hpp"
#include "device/matrix_product.hpp"

namespace sirfp {

class cuda_libraries {
 public:
  // One thread at a time: whoever has it holds the lock.
  struct held_solver {
    std::unique_lock<std::mutex> lock;
    const device::dense_solver* solver;
    const device::dense_solver* operator->() const { return solver; }
    const device::dense_solver& operator*() const { return *solver; }
  };
  held_solver solver() const {
    std::unique_lock lock(solver_guard_);
    if (!solver_) solver_ = std::make_unique<device::dense_solver>();
    return {std::move(lock), solver_.get()};
  }

  // Any thread may call it.
  const device::matrix_multiplier& products() const {
    const std::lock_guard lock(products_guard_);
    if (!products_) products_ = std::make_unique<device::matrix_multiplier>();
    return *products_;
  }

 private:
  mutable std::mutex solver_guard_, products_guard_;
  mutable std::unique_ptr<device::dense_solver> solver_;
  mutable std::unique_ptr<device::matrix_multiplier> products_;
};

}  // namespace sirfp
