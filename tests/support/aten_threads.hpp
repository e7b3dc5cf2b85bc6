// ATen with another number of threads for a while.
#pragma once

#include <ATen/Parallel.h>

namespace sirfp::test {

class aten_threads {
 public:
  explicit aten_threads(int threads) : before_(at::get_num_threads()) { at::set_num_threads(threads); }
  aten_threads(const aten_threads&) = delete;
  aten_threads& operator=(const aten_threads&) = delete;
  ~aten_threads() { at::set_num_threads(before_); }

 private:
  int before_;
};

}  // namespace sirfp::test
