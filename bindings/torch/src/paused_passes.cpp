#include "paused_passes.hpp"

#include <ATen/ATen.h>

#include "side_by_side.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {

void paused_passes::each(const reader& read) {
  const c10::Device device = codes_.front()->device;
  const auto most = static_cast<std::size_t>(most_side_by_side(device));
  for (std::size_t first = 0; exists(first);) {
    std::size_t end = first;
    do resume(batches_[end++]);
    while (end - first < most && exists(end) && has_room(batches_[end]));
    std::vector<turn> turns(end - first);
    side_by_side(device, static_cast<std::int64_t>(turns.size()), [&](std::int64_t i) {
      const auto k = static_cast<std::size_t>(i);
      turns[k] = read(batches_[first + k].passes, batches_[first + k].first_image);
    });
    for (turn& next : turns) {
      if (next) next();
      next = nullptr;
      pause(batches_[first++]);
    }
  }
  SIRFP_EXPECTS(!batches_.empty(), "no images to run the network on");
}

bool paused_passes::exists(std::size_t index) {
  if (index < batches_.size()) return true;
  at::Tensor input = images_ ? images_() : at::Tensor();
  if (!input.defined()) {
    images_ = nullptr;
    return false;
  }
  load(std::move(input));
  return true;
}

void paused_passes::load(at::Tensor input) {
  // Memory that others look at may not leave for the disk.
  if (input.use_count() > 1 || input.storage().use_count() > 1) input = input.clone();
  batch& added = batches_.emplace_back();
  added.first_image = images_loaded_;
  images_loaded_ += static_cast<std::uint64_t>(input.size(0));
  added.bytes = static_cast<std::int64_t>(input.nbytes());
  held_ += added.bytes;
  for (const auto& code : codes_) added.passes.emplace_back(code, input);
  for (const auto& [which, change] : changes_) added.passes.at(which).replace(change);
}

bool paused_passes::has_room(const batch& next) const {
  const bool on_disk = !next.paused.empty() && next.paused.front().on_disk();
  return held_ + (on_disk ? next.bytes : 0) <= memory_;
}

void paused_passes::resume(batch& waiting) {
  if (waiting.paused.empty()) return;  // just loaded
  if (waiting.paused.front().on_disk()) {
    waiting.paused.front().restore(file_);
    held_ += waiting.bytes;
  }
  waiting.paused.clear();
}

void paused_passes::pause(batch& running) {
  std::vector<at::Tensor> live, pinned;
  for (const stepper& pass : running.passes) pass.list_tensors(live, pinned);
  tensor_memory& memory = running.paused.emplace_back(live, pinned);
  held_ -= running.bytes;
  running.bytes = memory.bytes();
  if (held_ + running.bytes <= memory_)
    held_ += running.bytes;
  else
    memory.spill(file_);
}

void paused_passes::replace(std::size_t which, argument_override change) {
  change.tensor = sent_to(codes_.at(which)->device, change.tensor);  // once for all batches
  changes_.emplace_back(which, change);
  for (batch& waiting : batches_) waiting.passes.at(which).replace(change);
}

void advance(stepper& pass, const torch::jit::Node* node) {
  while (!pass.done() && pass.next() != node) pass.step();
  if (pass.done()) throw failure(text("network: ", node->kind().toQualString(), " is not where it was when the network was captured"));
}

image_stream in_turn(std::vector<at::Tensor> batches) {
  return [waiting = std::move(batches), next = std::size_t{0}]() mutable {
    return next < waiting.size() ? std::move(waiting[next++]) : at::Tensor();
  };
}

std::int64_t half_of_memory() { return host_memory()->total_bytes() / 2; }

}  // namespace sirfp::adapter
