// Similarity by plans that the plan does not make: how many ranges an image is cut into, and how many blocks share a multiprocessor. What
// gram_tuning.hpp says is to be tried.
#include "../support/kernel_table.hpp"
#include "gram.hpp"
#include "gram_plan.hpp"
#include "gram_row.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/packed.hpp"

namespace sirfp::bench {
namespace {

struct target {
  explicit target(std::int64_t channels)
      : ctx(cuda_context()), matrix(ctx.memory, packed_size(channels)), notes(ctx.memory, device_notes::words) {}
  context ctx;
  buffer matrix;
  buffer notes;
};

cold_row row_of(const feature_shape& shape, std::int64_t range_pixels, std::int64_t blocks) {
  const auto map = std::make_shared<random_map>(dtype::f16, 1, shape.channels, shape.height, shape.width);
  const auto to = std::make_shared<target>(shape.channels);
  const gram_request request = request_of(map->view, {}, false);
  device_gram_plan plan = plan_device_gram(request, device::facts_of(0), range_pixels);
  if (blocks > 0) plan.gram.blocks = std::min<std::int64_t>(blocks * device::facts_of(0).multiprocessors, plan.units(1));
  const auto run = [=] { form_gram(map->view, {}, {to->matrix.data(), nullptr, to->notes.data(), 0, 1e-5}, plan, nullptr); };
  return {run, map_bytes(map->view), gram_flop(map->view, 1), {{"ranges", static_cast<double>(plan.ranges)}}};
}

void add(const feature_shape& shape, std::int64_t range_pixels, std::int64_t blocks) {
  const std::string size = text("/C:", shape.channels, "/P:", shape.pixels());
  const std::string how = range_pixels > 0 ? text("/range:", range_pixels) : text("/blocks:", blocks);
  add_row("gram_plan" + size + how, [=] { return row_of(shape, range_pixels, blocks); });
}

}  // namespace

void add_rows() {
  if (tiny()) {
    add({65, 2, 72}, 64, 0);
    return add({3, 7, 10}, 0, 2);
  }
  for (const std::int64_t ranges : {1, 2, 4, 8}) add({2048, 128, 256}, 32768 / ranges, 0);
  for (const std::int64_t channels : {256, 512})
    for (const std::int64_t pixels : {512, 1024, 2048}) add({channels, 96, 98}, pixels, 0);
  for (const std::int64_t channels : {64, 128})
    for (const std::int64_t blocks : {1, 2, 3}) add({channels, 512, 1024}, 0, blocks);
}

}  // namespace sirfp::bench
