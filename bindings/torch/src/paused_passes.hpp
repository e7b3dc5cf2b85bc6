// Forward passes over many batches that advance together: each runs on from where it stood and pauses again, several batches at a time.
// What the paused ones hold beyond a limit waits on disk.
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
  // The passes of a batch run on; what is returned is done with the results.
  using turn = std::function<void()>;
  using reader = std::function<turn(std::span<stepper> passes, std::uint64_t first_image)>;
  // A pass of each program over every batch of `images`, which are loaded by the first `each`. `memory` in bytes, see sweep_options.
  paused_passes(programs codes, image_stream images, std::int64_t memory)
      : codes_(std::move(codes)), images_(std::move(images)), memory_(memory) {}

  // Calls read for every batch, for several side by side, and what it returns for one after the other, always in the same order;
  // first_image counts the images of the batches before. Throws invalid_argument if there are none.
  void each(const reader& read);
  // Pass `which` of every batch reads another tensor from here on.
  void replace(std::size_t which, argument_override change);

 private:
  struct batch {
    std::vector<stepper> passes;
    std::vector<tensor_memory> paused;  // none while it runs, else one
    std::int64_t bytes = 0;             // when it last paused
    std::uint64_t first_image = 0;
  };
  bool exists(std::size_t index);  // loads it if it is the next image's turn
  void load(at::Tensor input);
  bool has_room(const batch& next) const;
  void resume(batch& waiting);
  void pause(batch& running);

  programs codes_;
  image_stream images_;
  std::int64_t memory_;
  std::int64_t held_ = 0;  // bytes of the batches that are not on disk; of those at work, what they had when they last paused
  std::uint64_t images_loaded_ = 0;
  std::vector<batch> batches_;
  std::vector<std::pair<std::size_t, argument_override>> changes_;
  spill_file file_;
};

// Runs on until `node` is next. Throws failure if it does not come.
void advance(stepper& pass, const torch::jit::Node* node);

}  // namespace sirfp::adapter
