#include "findings.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "interrupt.hpp"
#include "options.hpp"
#include "sirfp/adapter/device.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/predictors.hpp"

namespace sirfp::cli {
namespace {

bool holds(const consumer_site& site, std::int32_t group) {
  return std::any_of(site.layout.begin(), site.layout.end(), [&](channel_ref c) { return c.group == group; });
}

// Sums of fp32 products leave rounding where there is nothing: a matrix of noise, whose eigenvalues grow with the root of n.
std::int64_t rank_of(const session& opened, const moments_state& measured) {
  const std::int64_t n = measured.channels;
  const c10::Device device = opened.net.place->device();
  const buffer square = adapter::with_cache_released(device, [&] { return covariance_sync(opened.context, measured); });
  const at::Tensor covariance = adapter::tensor_over(opened.context, square, {n, n}, device);
  const double limit =
      covariance.diagonal().mean().item<double>() * std::sqrt(static_cast<double>(n)) * std::numeric_limits<float>::epsilon();
  return at::linalg_eigvalsh(covariance).gt(limit).sum().item<std::int64_t>();
}

std::string listed(const std::vector<std::int32_t>& channels) {
  constexpr std::size_t most = 12;
  std::string list;
  for (std::size_t i = 0; i < std::min(channels.size(), most); ++i) list += (i == 0 ? "" : ", ") + std::to_string(channels[i]);
  return channels.size() <= most ? list : list + ", ...";
}

}  // namespace

void add_predictors(const session& opened, const calibration_state& state, plan& made) {
  const channel_mask mask = mask_of(made, opened.graph);
  for (std::size_t g = 0; g < made.groups.size(); ++g) {
    if (static_cast<std::int64_t>(made.groups[g].kept.size()) == made.groups[g].channels) continue;
    for (const consumer_site& site : opened.graph.sites) {
      const auto measured = state.sites.find(site.name);
      if (measured == state.sites.end() || !holds(site, static_cast<std::int32_t>(g))) continue;
      made.groups[g].best_predicted = adapter::with_cache_released(opened.net.place->device(), [&] {
        return best_predicted_sync(opened.context, site, measured->second, mask, static_cast<std::int32_t>(g));
      });
      break;
    }
  }
}

namespace {

// Their covariance cannot tell all channels apart.
std::vector<std::string> scarcity_notes(const session& opened, const calibration_state& state) {
  std::vector<std::string> notes;
  if (part_of(state.options, "observe", "the state").value("pixel_weights", "uniform") != "uniform") return notes;  // weights are no counts
  for (const consumer_site& site : opened.graph.sites) {
    const auto found = state.sites.find(site.name);
    if (found == state.sites.end()) continue;
    const double pixels = weight_sync(found->second);
    if (pixels >= static_cast<double>(found->second.channels)) continue;
    check_interrupt();
    notes.push_back(text("the input of ", site.name, " was seen at ", pixels, " pixels, fewer than its ", found->second.channels,
                         " channels: covariance of rank ", rank_of(opened, found->second), ", regularised"));
  }
  return notes;
}

std::vector<std::string> unvarying_notes(const session& opened, const calibration_state& state, const plan& made) {
  const channel_mask mask = mask_of(made, opened.graph);
  std::map<std::string, std::vector<std::int32_t>> gone, kept, locked;  // by group, and by group and the reader where they vary
  std::size_t total = 0, removed = 0;
  for (const unvarying_channel& one : unvarying_channels_sync(opened.context, opened.graph, state.sites)) {
    const channel_group& group = opened.graph.groups[static_cast<std::size_t>(one.channel.group)];
    ++total;
    if (!is_kept(one.channel, mask)) {
      ++removed;
      gone[group.name].push_back(one.channel.channel);
    } else if (group.locked) {
      locked[text(group.name, ": locked: ", group.lock_reason)].push_back(one.channel.channel);
    } else {
      const std::string why = one.varies_at.empty() ? "the last ones of their group or block" : "they vary at " + one.varies_at;
      kept[text(group.name, ": ", why)].push_back(one.channel.channel);
    }
  }
  std::vector<std::string> notes = {text(total, " channels never vary at one of their readers; ", removed, " of them are removed")};
  for (const auto& [group, channels] : gone) notes.push_back(text("never vary, removed: ", group, ": ", listed(channels)));
  for (const auto* reasons : {&kept, &locked})
    for (const auto& [reason, channels] : *reasons) notes.push_back(text("never vary, stay: ", reason, ": ", listed(channels)));
  return notes;
}

}  // namespace

std::vector<std::string> notes_of(const session& opened, const calibration_state& state, const plan& made, bool lossless,
                                  const std::vector<std::string>& of_weights) {
  std::vector<std::string> notes = scarcity_notes(opened, state);
  if (lossless)
    for (std::string& note : unvarying_notes(opened, state, made)) notes.push_back(std::move(note));
  notes.insert(notes.end(), of_weights.begin(), of_weights.end());
  return notes;
}

}  // namespace sirfp::cli
