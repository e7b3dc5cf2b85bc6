// Maps that wait for others, so that small ones share launches where the backend takes several at once (`readings_at_once`).
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sirfp/context.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp::adapter {

class waiting_readings {
 public:
  // `counted(what)` is called once a reading is in its state.
  waiting_readings(const context& ctx, const similarity_options& options, std::function<void(const std::string& what)> counted);

  // `held`: what the views look into. Memory of more than most_map_bytes is read at once.
  void add(std::string what, std::vector<at::Tensor> held, const similarity_reading& reading);
  void add(std::string what, std::vector<at::Tensor> held, const moments_reading& reading);

  // Before the node runs on these inputs: what waits is read if the node writes to its memory.
  void before(const torch::jit::Node* node, const torch::jit::Stack& inputs);
  // Nothing waits from here on. Where this or `add` throws, what is in its state is counted, and the rest is lost.
  void read_all();

  // Of the memory that is kept for one map, and of all that is kept: far below what a network's own maps take.
  static constexpr std::int64_t most_map_bytes = std::int64_t{4} << 20;
  static constexpr std::int64_t most_bytes = std::int64_t{16} << 20;

 private:
  template <class Reading>
  struct waiting {
    std::string what;
    std::vector<at::Tensor> held;
    Reading reading;
    std::int64_t images_after = 0;  // of its state, once it is read
  };
  template <class Reading>
  void take(std::vector<waiting<Reading>>& list, waiting<Reading> added);
  template <class Reading>
  void read(std::vector<waiting<Reading>> list);
  void accumulate(const std::vector<similarity_reading>& readings) { accumulate_similarity(ctx_, readings, options_); }
  void accumulate(const std::vector<moments_reading>& readings) { accumulate_moments(ctx_, readings); }
  bool keeps_memory_of(const at::Tensor& tensor) const;
  std::int64_t kept_bytes() const;

  const context& ctx_;
  const similarity_options& options_;
  std::function<void(const std::string&)> counted_;
  std::size_t most_;
  std::vector<waiting<similarity_reading>> layers_;
  std::vector<waiting<moments_reading>> sites_;
};

}  // namespace sirfp::adapter
