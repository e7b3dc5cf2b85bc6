#include "sirfp/adapter/observe.hpp"

#include <c10/core/DispatchKeySet.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "bad_features.hpp"
#include "module_paths.hpp"
#include "pixel_sample.hpp"
#include "sirfp/backend.hpp"
#include "site_reading.hpp"
#include "waiting_readings.hpp"

namespace sirfp::adapter {
namespace {

using torch::jit::Node;

bool holds_unlocked(const channel_layout& layout, const channel_graph& graph) {
  return std::any_of(layout.begin(), layout.end(),
                     [&](const channel_ref& ref) { return ref.group >= 0 && !graph.groups[static_cast<std::size_t>(ref.group)].locked; });
}

// The part of a map that is summed over, with the weights that stand for the whole of it.
struct sampled_map {
  at::Tensor tensor;
  std::int64_t axis = 1;
  at::Tensor weights;  // undefined: 1 everywhere

  std::vector<at::Tensor> held() const { return weights.defined() ? std::vector{tensor, weights} : std::vector{tensor}; }
};

pixel_weights as_weights(const at::Tensor& weights) {
  return weights.defined() ? pixel_weights{weights.const_data_ptr<float>(), weights.stride(0)} : pixel_weights{};
}

// A NaN that no sampled pixel shows would go unseen. The sum is not finite either, or has overflowed.
void expect_finite(const at::Tensor& map) {
  if (std::isfinite(map.sum(at::kFloat).item<double>())) return;
  for (std::int64_t n = 0; n < map.size(0); ++n)
    if (!map.select(0, n).isfinite().all().item<bool>()) throw non_finite_error(n, -1);
}

// The same where nobody waits: the sample of an image that holds a NaN or an infinity becomes NaN, for the kernels to note. A sum of fp32
// values is finite in fp64 if all of them are.
at::Tensor tainted(const at::Tensor& sample, const at::Tensor& map) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(map.dim() - 1));
  std::iota(axes.begin(), axes.end(), 1);
  const at::Tensor zero_or_nan = map.sum(axes, /*keepdim=*/false, at::kDouble) * 0;
  return sample + zero_or_nan.to(sample.scalar_type()).view({-1, 1, 1});
}

// A moving average to go on from, of which no image is this batch's.
similarity_state start_from(const context& ctx, const similarity_state& state) {
  similarity_state start = copied_sync(ctx, state);
  start.images = 0;
  return start;
}

void add_sums(const context& ctx, calibration_state&& sums, calibration_state& state) {
  for (auto& [name, batch] : sums.layers) {
    const auto before = state.layers.find(name);
    if (before != state.layers.end() && batch.mode == accumulation::mean) {
      merge(ctx, before->second, batch);
      continue;
    }
    if (before != state.layers.end()) batch.images += before->second.images;
    state.layers.insert_or_assign(name, std::move(batch));
  }
  for (auto& [name, batch] : sums.edges) {
    if (state.edges.contains(name))
      merge(ctx, state.edges.at(name), batch);
    else
      state.edges.emplace(name, std::move(batch));
  }
  for (auto& [name, batch] : sums.sites) {
    if (state.sites.contains(name))
      merge(ctx, state.sites.at(name), batch);
    else
      state.sites.emplace(name, std::move(batch));
  }
}

}  // namespace

// How often each layer and site has been counted in a pass; a loop may bring one several times.
using reading_counts = std::map<std::string, int>;

// Images on their way through the network, which are added to `sums`. What was counted of them in an attempt that ran out of memory is not
// counted again.
class batch_observation final : public run_listener {
 public:
  batch_observation(const observer& owner, const std::vector<std::string>& names, const reading_counts& already,
                    const calibration_state& so_far, calibration_state& sums)
      : owner_(owner),
        names_(names),
        already_(already),
        counted_(already),
        so_far_(so_far),
        sums_(sums),
        waiting_(owner.ctx_, owner.options_.similarity, [this](const std::string& what) { ++counted_[what]; }) {}
  // In this attempt or a former one.
  const reading_counts& counted() const { return counted_; }
  // When the pass has ended.
  void finish() { waiting_.read_all(); }

  void before(const Node* node, torch::jit::Stack& inputs) override {
    if (const auto found = owner_.sites_.find(node); found != owner_.sites_.end()) {
      const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
      for (const auto& reading : found->second) read_site(owner_.graph_.sites[reading.site], inputs[reading.input].toTensor());
    }
    waiting_.before(node, inputs);
  }

  void after(const Node* node, const std::vector<c10::IValue>& outputs) override {
    const auto found = owner_.layers_.find(node);
    if (found == owner_.layers_.end()) return;
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    for (const auto index : found->second) read_layer(owner_.graph_.layers[index], outputs);
  }

 private:
  void read_layer(const observed_layer& layer, const std::vector<c10::IValue>& outputs) {
    const auto& made = owner_.captured_.ops.ops[static_cast<std::size_t>(layer.observed)].outputs;
    const auto place = std::find(made.begin(), made.end(), layer.value) - made.begin();
    std::vector<at::Tensor> tensors;
    for (const auto& output : outputs)
      for (auto& tensor : output_tensors(output)) tensors.push_back(std::move(tensor));
    const at::Tensor& whole = tensors.at(static_cast<std::size_t>(place));
    with_image_named({"layer", layer.name, layer.observed}, whole.size(0), [&] {
      const auto& options = owner_.options_;
      std::optional<readable> copied;  // where it has to be, and then once
      const auto readable_map = [&]() -> const readable& { return copied ? *copied : copied.emplace(made_readable(whole, layer.axis)); };
      if (options.similarities)
        read_once("layer " + layer.name, [&](const std::string& what) {
          const readable& map = readable_map();
          wait_for_others(what, sample(map.tensor, map.axis, sampled_for::similarity), similarity_of(layer.name));
        });
      if (options.edges && layer.name.starts_with(options.backbone))
        read_once("edges " + layer.name, [&](const std::string& what) {
          const readable& map = readable_map();
          accumulate_edge_score(owner_.ctx_, view_for(owner_.ctx_, map.tensor, map.axis), sums_.edges[layer.name]);
          ++counted_[what];
        });
    });
  }

  void read_site(const consumer_site& site, const at::Tensor& whole) {
    const auto part = whole.narrow(site.axis, site.first, static_cast<std::int64_t>(site.layout.size()));
    with_image_named({"input", site.name, site.consumers.front().op}, part.size(0), [&] {
      read_once("site " + site.name, [&](const std::string& what) {
        const readable map = made_readable(part, site.axis);
        wait_for_others(what, sample(map.tensor, map.axis, sampled_for::moments), sums_.sites[site.name]);
      });
    });
  }

  void wait_for_others(const std::string& what, const sampled_map& seen, similarity_state& state) {
    waiting_.add(what, seen.held(), similarity_reading{view_for(owner_.ctx_, seen.tensor, seen.axis), as_weights(seen.weights), &state});
  }
  void wait_for_others(const std::string& what, const sampled_map& seen, moments_state& state) {
    waiting_.add(what, seen.held(), moments_reading{view_for(owner_.ctx_, seen.tensor, seen.axis), as_weights(seen.weights), &state});
  }

  // A moving average is no sum: its batch starts from where the state is.
  similarity_state& similarity_of(const std::string& name) {
    const auto before = so_far_.layers.find(name);
    const auto [place, added] = sums_.layers.try_emplace(name);
    if (added && owner_.options_.similarity.mode == accumulation::ema && before != so_far_.layers.end())
      place->second = start_from(owner_.ctx_, before->second);
    return place->second;
  }

  enum class sampled_for : std::uint8_t { similarity, moments };

  // Similarities shrink with the number of pixels (METHOD 1), so a sampled one counts for as many as it stands for.
  sampled_map sample(const at::Tensor& tensor, std::int64_t axis, sampled_for what) const {
    const bool edge_aware = owner_.options_.pixel_weights == observe_options::weighting::edge_aware;
    const pixel_sample chosen = sample_of(tensor, axis, owner_.options_.sample_pixels);
    if (!owner_.deferred_ && (edge_aware || !chosen.whole())) expect_finite(tensor);  // before a NaN turns up as a weight
    at::Tensor weights = edge_aware ? edge_weights(tensor, axis) : at::Tensor();
    if (chosen.whole()) return {tensor, axis, weights};
    at::Tensor map = chosen.of(tensor, axis, names_);
    if (owner_.deferred_) map = tainted(map, tensor);
    if (weights.defined()) weights = chosen.of(weights.unsqueeze(1), 1, names_).squeeze(1);
    if (what == sampled_for::similarity) {
      const double each = static_cast<double>(tensor.numel()) / static_cast<double>(map.numel());
      weights =
          weights.defined() ? weights * each : at::full({1, map.size(2)}, each, map.options().dtype(at::kFloat)).expand({map.size(0), -1});
    }
    return {map, 1, weights};
  }

  // Unless a former attempt has counted it.
  template <class Body>
  void read_once(const std::string& what, const Body& body) {
    const auto before = already_.find(what);
    if (passed_[what]++ >= (before == already_.end() ? 0 : before->second)) body(what);
  }

  template <class Body>
  void with_image_named(const observed_place& at, std::int64_t rows, const Body& body) const {
    try {
      body();
    } catch (const non_finite_error& error) {
      throw bad_feature(owner_.captured_, at, names_, error.image_in_batch, rows);
    }
  }

  const observer& owner_;
  const std::vector<std::string>& names_;
  const reading_counts& already_;
  reading_counts passed_;
  reading_counts counted_;
  const calibration_state& so_far_;
  calibration_state& sums_;
  waiting_readings waiting_;
};

observer::observer(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph,
                   observe_options options)
    : ctx_(ctx), captured_(captured), graph_(graph), options_(std::move(options)), deferred_(ctx.backend->note_words() > 0), run_(net) {
  const auto node_of = [&](std::int32_t op_index) { return captured.nodes[static_cast<std::size_t>(op_index)]; };
  if (options_.similarities || options_.edges)
    for (std::size_t i = 0; i < graph.layers.size(); ++i)
      if (holds_unlocked(graph.layers[i].layout, graph)) layers_[node_of(graph.layers[i].observed)].push_back(i);
  if (!options_.moments) return;
  for (std::size_t i = 0; i < graph.sites.size(); ++i) {
    if (!holds_unlocked(graph.sites[i].layout, graph)) continue;
    const site_reading first = first_reading(captured, graph.sites[i]);
    sites_[first.node].push_back({i, first.input});
  }
}

// Before any work: a state of other widths or another mode could not take the batch.
void observer::check_state(const calibration_state& state) const {
  for (const auto& layer : graph_.layers) {
    const auto found = state.layers.find(layer.name);
    if (found == state.layers.end()) continue;
    SIRFP_EXPECTS(found->second.channels == static_cast<std::int64_t>(layer.layout.size()), "state of layer ", layer.name, ": ",
                  found->second.channels, " channels, the network has ", layer.layout.size());
    SIRFP_EXPECTS(found->second.mode == options_.similarity.mode, "state of layer ", layer.name,
                  ": exact mean and moving average do not mix");
  }
  for (const auto& site : graph_.sites) {
    const auto found = state.sites.find(site.name);
    SIRFP_EXPECTS(found == state.sites.end() || found->second.channels == static_cast<std::int64_t>(site.layout.size()), "state of site ",
                  site.name, ": ", found == state.sites.end() ? 0 : found->second.channels, " channels, the network has ",
                  site.layout.size());
  }
}

void observer::add(const at::Tensor& batch, const std::vector<std::string>& names, calibration_state& state) const {
  SIRFP_EXPECTS(batch.dim() == 4 && batch.size(0) == static_cast<std::int64_t>(names.size()) && !names.empty(), "batch of ", names.size(),
                " named images with a tensor of ", batch.dim() == 4 ? batch.size(0) : 0, ", expected [N, C, H, W] and a name an image");
  check_state(state);
  // The sums are kept apart until the whole batch has passed; but those of a device that is not waited for, which may turn out bad at any
  // time after, go where they belong at once.
  if (deferred_ && !options_.wait_for_each) return count_in_parts(batch, names, {}, state, state);
  calibration_state apart;
  count_in_parts(batch, names, {}, state, apart);
  adapter::expect_sound_sync(apart, captured_, graph_, names);
  add_sums(ctx_, std::move(apart), state);
}

// A moving average takes one step a batch, so its batches are not parted.
void observer::count_in_parts(const at::Tensor& batch, const std::vector<std::string>& names, const reading_counts& already,
                              const calibration_state& so_far, calibration_state& sums) const {
  const std::int64_t images = batch.size(0);
  const bool parts = images > 1 && options_.similarity.mode == accumulation::mean;
  const auto in_parts_of = [&](std::int64_t most, const reading_counts& done) {
    for (std::int64_t first = 0; first < images; first += most) {
      const std::int64_t count = std::min(most, images - first);
      count_in_parts(batch.narrow(0, first, count), {names.begin() + first, names.begin() + first + count}, done, so_far, sums);
    }
  };
  if (parts && images_at_once_ > 0 && images > images_at_once_) return in_parts_of(images_at_once_, already);
  reading_counts counted = already;
  const auto attempt = [&] {
    batch_observation observation(*this, names, counted, so_far, sums);
    try {
      run_(parts ? batch.clone() : batch, &observation);  // a network may write to its input
      observation.finish();
    } catch (const out_of_memory&) {
      counted = observation.counted();
      throw;
    } catch (const c10::OutOfMemoryError& error) {  // between the network's operators, where a map is read
      counted = observation.counted();
      throw out_of_memory(first_line(error));
    }
  };
  try {
    return parts ? with_cache_released(run_.device(), attempt) : attempt();
  } catch (const out_of_memory&) {
    if (!parts) throw;
  }
  images_at_once_ = (images + 1) / 2;
  in_parts_of(images_at_once_, counted);
}

void observer::expect_sound_sync(const calibration_state& state) const {
  adapter::expect_sound_sync(state, captured_, graph_, state.images);
}

}  // namespace sirfp::adapter
