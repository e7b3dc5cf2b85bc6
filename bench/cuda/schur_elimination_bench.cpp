// The joint elimination of one group: the whole call, from sites on the host to the order on the host.
#include <memory>

#include "../support/joint_site.hpp"
#include "../support/kernel_table.hpp"
#include "cold_row.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::bench {
namespace {

// `sites` of `channels` each, down to `kept`.
void add(std::int64_t channels, std::int64_t sites, std::int64_t kept) {
  add_row(text("schur_elimination/C:", channels, "/sites:", sites, "/kept:", kept), [=] {
    const auto data = std::make_shared<std::vector<joint_site>>();
    for (std::int64_t s = 1; s <= sites; ++s) data->emplace_back(channels, static_cast<std::uint64_t>(s));
    std::vector<schur_site> views;
    for (const joint_site& site : *data) views.push_back(site.view());
    const auto ctx = std::make_shared<context>(cuda_context());
    const auto run = [ctx, views, channels, kept, keep = data] { eliminate_joint(*ctx, channels, views, {.stop_at = kept}); };
    return cold_row{run, 0, 0, {{"removals", static_cast<double>(channels - kept)}}};
  });
}

}  // namespace

void add_rows() {
  if (tiny()) return add(10, 2, 3);
  for (const std::int64_t channels : {256, 512, 1024, 2048}) add(channels, 1, channels / 32);
  add(256, 5, 8);
  add(1024, 24, 32);  // the widest group of a ResNet-101: its layer3
}

}  // namespace sirfp::bench
