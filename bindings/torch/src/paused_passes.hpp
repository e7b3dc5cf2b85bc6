// Forward passes over many batches that advance together, one batch at a time: each runs on from where it stood and pauses again. What the
// paused ones hold beyond a limit waits on disk.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "sirfp/adapter/sweep.hpp"
#include "spill_file.hpp"
#include "stepper.hpp"
#include "tensor_spill.hpp"

namespace sirfp::adapter {

class paused_passes {
 public:
  using programs = std::vector<std::shared_ptr<const program>>;
  // A pass of each program over every batch of `images`, which are loaded by the first `each`. `memory` in bytes, see sweep_options.
  paused_passes(programs codes, image_stream images, std::int64_t memory)
      : codes_(std::move(codes)), images_(std::move(images)), memory_(memory) {}

  // Calls work(passes of a batch) for every batch in turn, always in the same order. Throws invalid_argument if there are none.
  void each(const std::function<void(std::span<stepper>)>& work);
  // Pass `which` of every batch reads another tensor from here on.
  void replace(std::size_t which, argument_override change);

 private:
  struct batch {
    std::vector<stepper> passes;
    std::vector<tensor_memory> paused;  // none while it runs, else one
  };
  void start(at::Tensor input, const std::function<void(std::span<stepper>)>& work);
  void resume(batch& waiting);
  void pause(batch& running);

  programs codes_;
  image_stream images_;
  std::int64_t memory_;
  std::int64_t held_ = 0;  // bytes of paused batches that are not on disk
  std::vector<batch> batches_;
  std::vector<std::pair<std::size_t, argument_override>> changes_;
  spill_file file_;
};

// Runs on until `node` is next. Throws failure if it does not come.
void advance(stepper& pass, const torch::jit::Node* node);

}  // namespace sirfp::adapter
