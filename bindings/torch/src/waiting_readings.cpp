#include "waiting_readings.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "sirfp/backend.hpp"

namespace sirfp::adapter {
namespace {

// Bytes of memory by its address: what a view keeps alive is more than what it shows.
using kept_memory = std::unordered_map<const void*, std::int64_t>;

void keep(const std::vector<at::Tensor>& tensors, kept_memory& memory) {
  for (const at::Tensor& tensor : tensors)
    memory.insert_or_assign(tensor.storage().data(), static_cast<std::int64_t>(tensor.storage().nbytes()));
}

std::int64_t bytes_of(const kept_memory& memory) {
  std::int64_t sum = 0;
  for (const auto& [address, bytes] : memory) sum += bytes;
  return sum;
}

// Is there one among the value's tensors?
template <class Test>
bool any_tensor(const torch::jit::IValue& value, const Test& test) {
  if (value.isTensor()) return value.toTensor().defined() && test(value.toTensor());
  if (!value.isTensorList()) return false;
  const auto tensors = value.toTensorVector();
  return std::ranges::any_of(tensors, test);
}

}  // namespace

waiting_readings::waiting_readings(const context& ctx, const similarity_options& options,
                                   std::function<void(const std::string& what)> counted)
    : ctx_(ctx), options_(options), counted_(std::move(counted)), most_(static_cast<std::size_t>(ctx.backend->readings_at_once())) {}

void waiting_readings::add(std::string what, std::vector<at::Tensor> held, const similarity_reading& reading) {
  take(layers_, {std::move(what), std::move(held), reading});
}

void waiting_readings::add(std::string what, std::vector<at::Tensor> held, const moments_reading& reading) {
  take(sites_, {std::move(what), std::move(held), reading});
}

template <class Reading>
void waiting_readings::take(std::vector<waiting<Reading>>& list, waiting<Reading> added) {
  const auto same_state = [&](const waiting<Reading>& each) { return each.reading.state == added.reading.state; };
  if (std::ranges::any_of(list, same_state)) read(std::exchange(list, {}));
  added.images_after = added.reading.state->images + added.reading.features.images;
  kept_memory own;
  keep(added.held, own);
  if (bytes_of(own) > most_map_bytes) {
    std::vector<waiting<Reading>> alone;
    alone.push_back(std::move(added));
    return read(std::move(alone));
  }
  list.push_back(std::move(added));
  if (list.size() >= most_) return read(std::exchange(list, {}));
  if (kept_bytes() > most_bytes) read_all();
}

template <class Reading>
void waiting_readings::read(std::vector<waiting<Reading>> list) {
  if (list.empty()) return;
  std::vector<Reading> readings;
  for (const waiting<Reading>& each : list) readings.push_back(each.reading);
  const auto count = [&] {
    for (const waiting<Reading>& each : list)
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
  auto layers = std::exchange(layers_, {});
  auto sites = std::exchange(sites_, {});
  read(std::move(layers));
  read(std::move(sites));
}

bool waiting_readings::keeps_memory_of(const at::Tensor& tensor) const {
  const auto keeps = [&](const auto& each) {
    return std::ranges::any_of(each.held, [&](const at::Tensor& held) { return tensor.is_alias_of(held); });
  };
  return std::ranges::any_of(layers_, keeps) || std::ranges::any_of(sites_, keeps);
}

std::int64_t waiting_readings::kept_bytes() const {
  kept_memory memory;
  for (const auto& each : layers_) keep(each.held, memory);
  for (const auto& each : sites_) keep(each.held, memory);
  return bytes_of(memory);
}

void waiting_readings::before(const torch::jit::Node* node, const torch::jit::Stack& inputs) {
  if (layers_.empty() && sites_.empty()) return;
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (schema == nullptr || !schema->is_mutable()) return;
  for (std::size_t i = 0; i < inputs.size() && i < schema->arguments().size(); ++i) {
    const c10::AliasInfo* alias = schema->arguments()[i].alias_info();
    if (alias == nullptr || !alias->isWrite()) continue;
    if (any_tensor(inputs[i], [&](const at::Tensor& tensor) { return keeps_memory_of(tensor); })) return read_all();
  }
}

}  // namespace sirfp::adapter
