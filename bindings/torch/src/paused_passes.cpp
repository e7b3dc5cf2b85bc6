#include "paused_passes.hpp"

#include <ATen/ATen.h>

#include "sirfp/expects.hpp"

namespace sirfp::adapter {

void paused_passes::each(const std::function<void(std::span<stepper>)>& work) {
  if (!images_) {
    for (batch& next : batches_) {
      resume(next);
      work(next.passes);
      pause(next);
    }
    return;
  }
  for (at::Tensor input = images_(); input.defined(); input = images_()) start(std::move(input), work);
  images_ = nullptr;
  SIRFP_EXPECTS(!batches_.empty(), "no images to run the network on");
}

void paused_passes::start(at::Tensor input, const std::function<void(std::span<stepper>)>& work) {
  // Memory that others look at may not leave for the disk.
  if (input.use_count() > 1 || input.storage().use_count() > 1) input = input.clone();
  batch& added = batches_.emplace_back();
  for (const auto& code : codes_) added.passes.emplace_back(code, input);
  input.reset();
  for (const auto& [which, change] : changes_) added.passes.at(which).replace(change);
  work(added.passes);
  pause(added);
}

void paused_passes::resume(batch& waiting) {
  tensor_memory& memory = waiting.paused.front();
  if (memory.on_disk())
    memory.restore(file_);
  else
    held_ -= memory.bytes();
  waiting.paused.clear();
}

void paused_passes::pause(batch& running) {
  std::vector<at::Tensor> live, pinned;
  for (const stepper& pass : running.passes) pass.list_tensors(live, pinned);
  tensor_memory& memory = running.paused.emplace_back(live, pinned);
  if (held_ + memory.bytes() <= memory_)
    held_ += memory.bytes();
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
