#include "blas_threads.hpp"

#include <mutex>

extern "C" {
void openblas_set_num_threads(int threads) __attribute__((weak));
int openblas_get_num_threads() __attribute__((weak));
}

namespace sirfp {
namespace {

// OpenBLAS's number of threads belongs to the process, so what guards it does too.
std::mutex guard;
int living = 0;
int threads_before = 0;

bool is_openblas() { return openblas_set_num_threads != nullptr && openblas_get_num_threads != nullptr; }

}  // namespace

single_threaded_blas::single_threaded_blas() {
  if (!is_openblas()) return;
  const std::lock_guard lock(guard);
  if (living++ != 0) return;
  threads_before = openblas_get_num_threads();
  if (threads_before != 1) openblas_set_num_threads(1);
}

single_threaded_blas::~single_threaded_blas() {
  if (!is_openblas()) return;
  const std::lock_guard lock(guard);
  if (--living == 0 && threads_before != 1) openblas_set_num_threads(threads_before);
}

}  // namespace sirfp
