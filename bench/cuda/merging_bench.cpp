// States of two parts of the images made one: element by element, bound by memory.
#include "../support/kernel_table.hpp"
#include "cold_row.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp::bench {
namespace {

similarity_state similarity_of(const context& ctx, std::int64_t channels) {
  return {channels, 1, accumulation::mean, buffer(ctx.memory, packed_size(channels)), buffer(ctx.memory, ctx.backend->note_words())};
}
moments_state moments_of(const context& ctx, std::int64_t channels) {
  return {channels,
          1,
          1.0,
          buffer(ctx.memory, channels),
          buffer(ctx.memory, packed_size(channels)),
          buffer(ctx.memory, ctx.backend->note_words())};
}

// Reads both, writes one.
template <class State>
cold_row row_of(State (*make)(const context&, std::int64_t), std::int64_t channels) {
  const auto ctx = std::make_shared<context>(cuda_context());
  const auto into = std::make_shared<State>(make(*ctx, channels));
  const auto from = std::make_shared<State>(make(*ctx, channels));
  return {[=] { merge(*ctx, *into, *from); }, 24.0 * static_cast<double>(packed_size(channels))};
}

}  // namespace

void add_rows() {
  for (const std::int64_t channels : tiny() ? std::vector<std::int64_t>{65} : std::vector<std::int64_t>{64, 256, 1024, 2048, 4096}) {
    add_row(text("merge/similarity/C:", channels), [=] { return row_of(similarity_of, channels); });
    add_row(text("merge/moments/C:", channels), [=] { return row_of(moments_of, channels); });
  }
}

}  // namespace sirfp::bench
