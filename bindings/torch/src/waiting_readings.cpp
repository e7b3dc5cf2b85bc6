#include "waiting_readings.hpp"

#include <algorithm>
#include <utility>

#include "sirfp/backend.hpp"

namespace sirfp::adapter {
namespace {

std::int64_t bytes_of(const std::vector<at::Tensor>& tensors) {
  std::int64_t sum = 0;
  for (const at::Tensor& tensor : tensors) sum += static_cast<std::int64_t>(tensor.nbytes());
  return sum;
}

// use(tensor) for the value's tensors until one is `true`.
template <class Use>
bool any_tensor(const torch::jit::IValue& value, const Use& use) {
  if (value.isTensor()) return value.toTensor().defined() && use(value.toTensor());
  if (!value.isTensorList()) return false;
  const auto tensors = value.toTensorVector();
  return std::ranges::any_of(tensors, use);
}

}  // namespace

waiting_readings::waiting_readings(const context& ctx, const similarity_options& options,
                                   std::function<void(const std::string& what)> counted)
    : ctx_(ctx), options_(options), counted_(std::move(counted)), most_(static_cast<std::size_t>(ctx.backend->readings_at_once())) {}

void waiting_readings::add(std::string what, std::vector<at::Tensor> held, const similarity_reading& reading) {
  take(layers_, std::move(what), std::move(held), reading);
}

void waiting_readings::add(std::string what, std::vector<at::Tensor> held, const moments_reading& reading) {
  take(sites_, std::move(what), std::move(held), reading);
}

template <class Reading>
void waiting_readings::take(std::vector<waiting<Reading>>& list, std::string what, std::vector<at::Tensor> held, const Reading& reading) {
  const std::int64_t bytes = bytes_of(held);
  const bool again = std::ranges::any_of(list, [&](const waiting<Reading>& each) { return each.reading.state == reading.state; });
  if (again || bytes_ + bytes > most_bytes) read_all();
  list.push_back({std::move(what), std::move(held), reading, reading.state->images + reading.features.images});
  bytes_ += bytes;
  if (bytes_ > most_bytes || list.size() >= most_) read_all();
}

template <class Reading, class Accumulate>
void waiting_readings::read(std::vector<waiting<Reading>>& list, const Accumulate& accumulate) {
  if (list.empty()) return;
  const std::vector<waiting<Reading>> all = std::exchange(list, {});
  std::vector<Reading> readings;
  for (const waiting<Reading>& each : all) readings.push_back(each.reading);
  const auto count = [&] {
    for (const waiting<Reading>& each : all)
      if (each.reading.state->images == each.images_after) counted_(each.what);
  };
  try {
    accumulate(readings);
  } catch (...) {
    count();
    throw;
  }
  count();
}

void waiting_readings::read_all() {
  bytes_ = 0;
  read(layers_, [&](const auto& readings) { accumulate_similarity(ctx_, readings, options_); });
  read(sites_, [&](const auto& readings) { accumulate_moments(ctx_, readings); });
}

bool waiting_readings::shares_memory(const at::Tensor& tensor) const {
  const auto shares = [&](const auto& each) {
    return std::ranges::any_of(each.held, [&](const at::Tensor& held) { return tensor.is_alias_of(held); });
  };
  return std::ranges::any_of(layers_, shares) || std::ranges::any_of(sites_, shares);
}

void waiting_readings::before(const torch::jit::Node* node, const torch::jit::Stack& inputs) {
  if (empty()) return;
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (schema == nullptr || !schema->is_mutable()) return;
  for (std::size_t i = 0; i < inputs.size() && i < schema->arguments().size(); ++i) {
    const c10::AliasInfo* alias = schema->arguments()[i].alias_info();
    if (alias == nullptr || !alias->isWrite()) continue;
    if (any_tensor(inputs[i], [&](const at::Tensor& tensor) { return shares_memory(tensor); })) return read_all();
  }
}

}  // namespace sirfp::adapter
