// What most commands start from: a loaded network, captured on an example input, and its channel graph.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "options.hpp"
#include "sirfp/adapter/capture.hpp"
#include "sirfp/channel_graph.hpp"
#include "sirfp/context.hpp"

namespace sirfp::cli {

// Threads, and denormals flushed to zero on them: call before the first thread of the pool starts. Networks with denormal weights run
// three times slower otherwise. Throws invalid_argument when there is no such device.
void set_up_computing(const common_options& common);

adapter::network open_network(const std::filesystem::path& path, const common_options& common);

// Stays where it was made: `captured` points into the network's graph. Throws `interrupted`, and so does what computes with its context.
struct session {
  session(adapter::network opened, const at::Tensor& example, const std::vector<std::string>& lock);
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  adapter::network net;
  sirfp::context context;
  at::Tensor example;
  adapter::captured_network captured;
  channel_graph graph;
};

// Throws invalid_argument with the first lock's reason when no group can be pruned.
void expect_prunable(const session& opened);

// Throws invalid_argument if no observed layer's name starts with `prefix`.
void expect_backbone(const session& opened, const std::string& prefix);

// Before sensitivity is measured: throws invalid_argument when the network returns several tensors and --output picked none.
void expect_one_output(const session& opened);

// An example of one image of that size, when no real one is at hand: noise, the same for the same seed.
at::Tensor noise_input(const std::vector<std::int64_t>& shape, const common_options& common);

// The tensor that is compared, of one forward pass. Throws `interrupted` instead of starting one.
at::Tensor forward(const adapter::network& net, const at::Tensor& input);

}  // namespace sirfp::cli
