#include "tensor_registry.hpp"

#include <algorithm>

namespace sirfp::adapter {
namespace {

struct byte_range {
  const char* first = nullptr;
  const char* last = nullptr;  // exclusive
};

byte_range range_of(const at::Tensor& tensor) {
  if (tensor.numel() == 0 || !tensor.has_storage()) return {};
  std::int64_t reach = 1;
  for (std::int64_t d = 0; d < tensor.dim(); ++d) reach += (tensor.size(d) - 1) * tensor.stride(d);
  const auto* first = static_cast<const char*>(tensor.const_data_ptr());
  return {first, first + reach * static_cast<std::int64_t>(tensor.element_size())};
}

}  // namespace

tensor_registry::entry& tensor_registry::entry_of(const at::Tensor& tensor) {
  const auto* key = tensor.unsafeGetTensorImpl();
  const auto found = entries_.find(key);
  if (found != entries_.end()) return found->second;
  return entries_.emplace(key, entry{c10::weak_intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>(tensor.getIntrusivePtr()), {}})
      .first->second;
}

void tensor_registry::add(const at::Tensor& tensor, std::int32_t id) { entry_of(tensor).ids.push_back(id); }

void tensor_registry::add_number(const at::Tensor& tensor) { entry_of(tensor).ids.clear(); }

void tensor_registry::overwrite(const at::Tensor& tensor, std::int32_t id) {
  auto& held = entry_of(tensor).ids;
  for (const auto old : held)
    if (old != id) superseded_[old] = id;  // an in-place operator has already handed its tensor on as `id`
  held.assign(1, id);
}

bool tensor_registry::is_number(const at::Tensor& tensor) const {
  const auto found = entries_.find(tensor.unsafeGetTensorImpl());
  return found != entries_.end() && found->second.ids.empty();
}

std::optional<std::int32_t> tensor_registry::find(const at::Tensor& tensor, std::optional<std::int32_t> named) const {
  const auto found = entries_.find(tensor.unsafeGetTensorImpl());
  if (found == entries_.end() || found->second.ids.empty()) return std::nullopt;
  const auto& ids = found->second.ids;
  if (named) {
    for (auto newer = superseded_.find(*named); newer != superseded_.end(); newer = superseded_.find(*named)) named = newer->second;
    if (std::find(ids.begin(), ids.end(), *named) != ids.end()) return named;
  }
  return ids.back();
}

std::vector<std::pair<at::Tensor, std::int32_t>> tensor_registry::overlapping(const at::Tensor& tensor) const {
  std::vector<std::pair<at::Tensor, std::int32_t>> others;
  const auto mine = range_of(tensor);
  for (const auto& [key, known] : entries_) {
    if (key == tensor.unsafeGetTensorImpl() || known.ids.empty()) continue;
    auto alive = known.tensor.lock();
    if (!alive) continue;
    const at::Tensor other(std::move(alive));
    const auto theirs = range_of(other);
    if (mine.first < theirs.last && theirs.first < mine.last) others.emplace_back(other, known.ids.back());
  }
  std::sort(others.begin(), others.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return others;
}

}  // namespace sirfp::adapter
