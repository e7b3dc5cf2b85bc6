#include "window_fit.hpp"

#include <ATen/ATen.h>

#include "consumer_weights.hpp"
#include "pixel_sample.hpp"
#include "sirfp/adapter/device.hpp"
#include "site_reading.hpp"

namespace sirfp::adapter {
namespace {

// The error of a fit exceeds the least possible by about one part in as many: 32 gave 2% less output error than 16, and 8 gave 7% more
// (DeepLabV3+-R18 at 0.1 of its FLOPs), at double and half the time of the sums.
constexpr std::int64_t pixels_per_unknown = 12;
// Where the images have fewer than this, the fit would follow their noise, and one prediction a site serves better.
constexpr std::int64_t least_pixels_per_unknown = 8;
constexpr std::int64_t most_waiting_bytes = std::int64_t{32} << 20U;

}  // namespace

std::optional<window_fit> window_fit::of(const network& net, const captured_network& captured, const consumer& reader, std::int64_t images,
                                         bool soon) {
  const op_value& weight = captured.ops.values.at(static_cast<std::size_t>(reader.weight));
  const auto window = window_of(captured.ops.ops.at(static_cast<std::size_t>(reader.op)), reader, weight.shape);
  if (!window || window->taps() == 1) return std::nullopt;
  window_fit made;
  made.reader_ = &reader;
  made.node_ = captured.nodes.at(static_cast<std::size_t>(reader.op));
  made.window_ = *window;
  made.images_ = images;
  made.device_ = net.place->device();
  const bool biased = reader.bias >= 0;
  made.soon_ = soon && (!biased || captured.ops.values.at(static_cast<std::size_t>(reader.bias)).kind != op_value::role::activation);
  const at::Tensor rows = block_of(tensor_of(net, captured, reader.weight), reader).flatten(1).to(at::kFloat);
  if (!made.soon_)
    made.weight_ = sent_to(made.device_, rows);
  else if (biased)
    made.bias_ =
        sent_to(made.device_, tensor_of(net, captured, reader.bias).narrow(0, reader.block * rows.size(0), rows.size(0))).unsqueeze(1);
  return made;
}

std::optional<window_fit::sample> window_fit::look(const at::Tensor& d, const at::Tensor& z, std::uint64_t image) const {
  const auto [height, width] = window_.output(d.size(1), d.size(2));
  const std::int64_t unknowns = z.size(0) * window_.taps();
  const bool enough = images_ == 0 || images_ * height * width >= least_pixels_per_unknown * unknowns;
  if (!enough || unknowns == 0 || height * width == 0) return std::nullopt;
  // A row of the weight has as many unknowns as the cut network's taps see numbers.
  const std::int64_t wanted = images_ > 0 ? pixels_per_unknown * unknowns / images_ + 1 : height * width;
  const at::Tensor pixels = sent_to(device_, pixel_sample(height, width, wanted).positions(image));
  sample found{pixels, patches(z.to(at::kFloat), window_, pixels)};
  if (!soon_) found.given = at::matmul(weight_, patches(d.to(at::kFloat), window_, pixels));
  return found;
}

void window_fit::take(sample& at, const at::Tensor& output) const {
  const std::int64_t rows = output.size(0) / reader_->blocks;
  at.given = output.narrow(0, reader_->block * rows, rows).flatten(1).index_select(1, at.pixels).to(at::kFloat);
  if (bias_.defined()) at.given -= bias_;
}

void window_fit::add(const context& ctx, const sample& next) {
  waiting_.push_back(at::cat({next.seen, next.given}));
  waiting_bytes_ += static_cast<std::int64_t>(waiting_.back().nbytes());
  if (waiting_bytes_ >= most_waiting_bytes) add_waiting(ctx);
}

void window_fit::add_waiting(const context& ctx) {
  if (waiting_.empty()) return;
  const at::Tensor all = at::cat(waiting_, 1).unsqueeze(0);
  accumulate_moments(ctx, view_for(ctx, all, 1), {}, sums_);
  waiting_.clear();
  waiting_bytes_ = 0;
}

const moments_state* window_fit::sums_sync(const context& ctx, std::int64_t channels) {
  add_waiting(ctx);
  const auto unknowns = static_cast<double>(channels * window_.taps());
  if (sums_.channels == 0 || (images_ > 0 && weight_sync(sums_) < static_cast<double>(least_pixels_per_unknown) * unknowns)) return nullptr;
  return &sums_;
}

}  // namespace sirfp::adapter
