#include "schur_layout.hpp"

#include <algorithm>

#include "schur_block.hpp"
#include "schur_positions.hpp"
#include "schur_schedule.hpp"
#include "schur_tuning.hpp"

namespace sirfp {
namespace {

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

std::vector<std::uint32_t> never_going(std::int64_t channels, const schur_options& options) {
  std::vector<std::uint32_t> never(at(channels), options.quotas.empty() ? 0U : 1U);
  for (const schur_quota& quota : options.quotas) std::fill_n(never.begin() + quota.first, quota.channels, 0U);
  for (const std::int32_t c : options.forced_in) never[at(c)] = 1;
  for (const std::int32_t c : options.forced_out) never[at(c)] = 0;
  return never;
}

std::vector<schur_occurrence> going_occurrences(const schur_site& site, const std::vector<std::uint32_t>& never) {
  std::vector<std::int32_t> channel(site.channel.begin(), site.channel.end());
  for (std::int32_t& c : channel)
    if (c >= 0 && never[at(c)] != 0) c = -1;
  return schur_occurrences(channel);
}

schur_site_layout site_layout(std::size_t index, const schur_scale& scale, std::span<const schur_occurrence> occurrences,
                              std::int64_t panel) {
  schur_site_layout site;
  site.index = index;
  site.scale = scale;
  std::size_t most = 0;
  for (const schur_occurrence& of : occurrences) {
    for (const std::int64_t j : of.positions) site.position.push_back(static_cast<std::int32_t>(j));
    most = std::max(most, of.positions.size());
  }
  const auto rows = static_cast<std::int64_t>(site.position.size());
  site.capacity = std::max(static_cast<std::int64_t>(most), std::min(rows, panel > 0 ? panel : schur_tuning::panel));
  if (occurrences.empty()) return site;
  site.first_channel = occurrences.front().channel;
  site.place_of.assign(at(occurrences.back().channel - site.first_channel + 1), -1);
  return site;
}

// Places by channel, then by site.
void number_places(schur_layout& layout, const std::vector<std::vector<schur_occurrence>>& of_site) {
  std::vector<std::int32_t> count(layout.gone.size(), 0);
  for (const auto& occurrences : of_site)
    for (const schur_occurrence& of : occurrences) ++count[at(of.channel)];
  layout.first_place.assign(1, 0);
  for (const std::int32_t c : count) layout.first_place.push_back(layout.first_place.back() + c);
  layout.places.resize(at(layout.first_place.back()));
  std::vector<std::int32_t> next(layout.first_place.begin(), layout.first_place.end() - 1);
  for (std::size_t s = 0; s < of_site.size(); ++s) {
    schur_site_layout& site = layout.sites[s];
    std::int32_t row = 0;
    for (const schur_occurrence& of : of_site[s]) {
      const auto positions = static_cast<std::int32_t>(of.positions.size());
      const std::int32_t place = next[at(of.channel)]++;
      site.place_of[at(of.channel - site.first_channel)] = place;
      layout.places[at(place)] = {layout.block_doubles, static_cast<std::int32_t>(s), row, positions};
      layout.block_doubles += schur_block::doubles(positions);
      row += positions;
    }
  }
  const std::int32_t most = count.empty() ? 0 : *std::ranges::max_element(count);
  while (layout.lanes < std::min(most, 32)) layout.lanes *= 2;
}

schur_reach reach_of(const schur_layout& layout, std::int32_t channel) {
  schur_reach reach{channel, channel + 1, 0};
  for (std::int32_t k = layout.first_place[at(channel)]; k < layout.first_place[at(channel + 1)]; ++k) {
    const schur_site_layout& site = layout.sites[at(layout.places[at(k)].site)];
    reach.first = std::min(reach.first, site.first_channel);
    reach.last = std::max(reach.last, site.first_channel + static_cast<std::int32_t>(site.place_of.size()));
    reach.rows = std::max(reach.rows, static_cast<std::int32_t>(site.position.size()));
  }
  return reach;
}

}  // namespace

schur_layout lay_out_schur(std::int64_t channels, std::span<const schur_site> sites, std::span<const std::vector<double>> variances,
                           const schur_options& options) {
  schur_layout layout;
  layout.gone = never_going(channels, options);
  layout.turns = schur_turns(channels, options);
  std::vector<std::vector<schur_occurrence>> of_site;
  for (std::size_t s = 0; s < sites.size(); ++s) {
    const schur_scale scale = scale_of(variances[s]);
    if (!(scale.mean_diagonal > 0)) continue;
    of_site.push_back(going_occurrences(sites[s], layout.gone));
    layout.sites.push_back(site_layout(s, scale, of_site.back(), options.panel));
  }
  number_places(layout, of_site);
  for (std::int32_t c = 0; c < channels; ++c) layout.reach.push_back(reach_of(layout, c));
  return layout;
}

}  // namespace sirfp
