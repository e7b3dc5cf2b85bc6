// Layer-wise sweeps: all calibration images advance through the network together, operator by operator, each operator once an image.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace sirfp::adapter {

// Called as work goes on; may throw to stop it (nothing is left half done).
using progress_listener = std::function<void(std::int64_t done, std::int64_t total)>;

// The next batch [N, C, H, W] of calibration images; an undefined tensor when there are no more. A batch is loaded when it starts.
using image_stream = std::function<at::Tensor()>;
// Batches that are in memory already.
image_stream in_turn(std::vector<at::Tensor> batches);

// Bytes: half of the machine's memory. (On a GPU, take half of its own: context.memory knows how much that is.)
std::int64_t half_of_memory();

// What a sweep holds: of the batches at work (on the host one a thread, on a GPU one), the tensors that operators to come still read and
// those of the operator that runs; of all others only the former. What of it exceeds `memory` bytes when a batch pauses lies in an unnamed
// temporary file (in TMPDIR, else /tmp; failure when the disk is full), and no more batches come back from there at once than fit, but one.
// The network's parameters, their replacements, and of one place where the sweep stops the sums and the samples of the batches at work come
// on top. The result does not depend on `memory`, bit for bit.
struct sweep_options {
  std::int64_t memory = half_of_memory();
  progress_listener progress = {};  // done, total: places in the network where the sweep stops
};

}  // namespace sirfp::adapter
