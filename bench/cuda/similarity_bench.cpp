// Similarity of one image added to a state, over the table of docs/performance/gram.md; `error` is against the fp64 kernels.
#include "../support/kernel_table.hpp"
#include "gram_row.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp::bench {
namespace {

struct variant {
  dtype type = dtype::f16;
  const char* how = "";
  bool weighted = false;
  bool channels_last = false;
  std::int64_t images = 1;
  gram_engine engine = gram_engine::own;
};

std::vector<float> squares(std::vector<float> values) {
  for (float& value : values) value *= value;
  return values;
}

struct input {
  input(const feature_shape& shape, const variant& of)
      : map(of.type, of.images, shape.channels, shape.height, shape.width, of.channels_last),
        weights(of.weighted ? squares(normal_values(shape.pixels(), 2)) : std::vector<float>{}, nullptr),
        pixel_weight{weights.data(), 0} {}
  random_map map;
  device_array<float> weights;
  pixel_weights pixel_weight;
};

std::vector<double> redundancy_of(const input& in, const context& ctx) {
  similarity_state state;
  accumulate_similarity(ctx, in.map.view, in.pixel_weight, {}, state);
  return mean_redundancy_sync(state);
}

cold_row row_of(const feature_shape& shape, const variant& of) {
  const auto in = std::make_shared<input>(shape, of);
  const auto ctx = std::make_shared<context>(cuda_context(0, nullptr, nullptr, {.engine = of.engine}));
  const auto state = std::make_shared<similarity_state>();
  const auto run = [=] { accumulate_similarity(*ctx, in->map.view, in->pixel_weight, {}, *state); };
  const int terms = of.type == dtype::f32 || of.weighted ? 3 : 1;
  const double error = worst_error(redundancy_of(*in, *ctx),
                                   redundancy_of(*in, cuda_context(0, nullptr, nullptr, {gram_precision::strict})), shape.channels);
  return {run, map_bytes(in->map.view), gram_flop(in->map.view, terms), {{"error", error}}};
}

void add(const feature_shape& shape, const variant& of) {
  const feature_view view = feature_view::nchw(nullptr, of.type, of.images, shape.channels, shape.height, shape.width);
  add_row(row_name("similarity", view, of.how), [=] { return row_of(shape, of); });
}

}  // namespace

void add_rows() {
  for (const feature_shape& shape : kernel_table())
    for (const dtype type : {dtype::f16, dtype::bf16, dtype::f32}) add(shape, {.type = type});
  for (const feature_shape& shape : kernel_table()) {
    add(shape, {.type = dtype::f16, .how = "/channels_last", .channels_last = true});
    add(shape, {.type = dtype::f32, .how = "/weighted", .weighted = true});
    if (shape.channels > 128 && shape.pixels() % 8 == 0) add(shape, {.how = "/wgmma", .engine = gram_engine::wgmma});
  }
  if (tiny()) return;
  for (const std::int64_t channels : {64, 256, 2048}) add({channels, 96, 98}, {});  // 9,408 pixels, on boundaries of 16 bytes, beside 9,409
  for (const std::int64_t images : {4, 16}) add({64, 193, 193}, {.images = images});
  for (const std::int64_t channels : {256, 512, 2048}) add({channels, 97, 97}, {.images = 4});
}

}  // namespace sirfp::bench
