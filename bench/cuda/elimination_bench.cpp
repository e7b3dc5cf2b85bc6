// The elimination of matrices that are on the device: the whole call, results on the host included, and its kernels alone by plans with
// other numbers of threads. All matrices of a batch are the same one; each has its own copy in fixed point.
#include <algorithm>

#include "../support/kernel_table.hpp"
#include "cold_row.hpp"
#include "elimination_kernels.hpp"
#include "random_fill.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/elimination.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::bench {
namespace {

using widths = std::vector<std::int64_t>;

std::int64_t widest(const widths& of) { return *std::max_element(of.begin(), of.end()); }

double matrix_bytes(const widths& of) {
  double bytes = 0;
  for (const std::int64_t channels : of) bytes += 4.0 * static_cast<double>(channels * channels);
  return bytes;
}

struct one_matrix {
  explicit one_matrix(std::int64_t widest) : channels(widest), values(widest * widest, nullptr) {
    fill_symmetric(values.data(), widest, 1);
  }
  std::int64_t channels;
  device_array<float> values;
};

// Smaller matrices are the corner of the largest.
cold_row call(const widths& of) {
  const auto matrix = std::make_shared<one_matrix>(widest(of));
  const auto ctx = std::make_shared<context>(cuda_context());
  std::vector<redundancy_matrix> batch;
  for (const std::int64_t channels : of) batch.push_back({matrix->values.data(), false, channels, matrix->channels});
  return {[ctx, batch, keep = matrix] { eliminate(*ctx, batch); }, matrix_bytes(of), 0, {{"steps", static_cast<double>(widest(of))}}};
}

// Fixed-point copies, degrees and results of a batch.
struct workspace {
  explicit workspace(const elimination_plan& plan)
      : fixed(plan.fixed_bytes, nullptr),
        degrees(plan.rows, nullptr),
        degree(plan.rows, nullptr),
        diagonal(plan.rows, nullptr),
        order(plan.rows, nullptr),
        queue(1, nullptr) {}
  device_array<std::byte> fixed;
  device_array<std::int64_t> degrees, degree, diagonal;
  device_array<std::int32_t> order;
  device_array<unsigned> queue;
};

// Entries are below 4: with this scale sums of a row stay below 2^40.
std::vector<elimination_job> jobs_of(const elimination_plan& plan, const one_matrix& matrix, const workspace& work) {
  std::vector<elimination_job> jobs;
  for (const elimination_slot& slot : plan.slots)
    jobs.push_back({.matrix = matrix.values.data(),
                    .row_stride = matrix.channels,
                    .fixed = work.fixed.data() + slot.fixed_offset,
                    .stride = slot.stride,
                    .first_row = slot.first_row,
                    .first_tile = slot.first_tile,
                    .first_scale = 0x1p24,
                    .second_scale = 1,
                    .channels = static_cast<std::int32_t>(slot.channels),
                    .is_double = false,
                    .wide = slot.wide});
  return jobs;
}

cold_row kernels(const widths& of, int threads) {
  elimination_plan plan = plan_elimination(of, device::facts_of(0));
  plan.eliminate.threads = threads;
  for (plan.rounds = 1; plan.rounds * threads * 4 < widest(of);) plan.rounds *= 2;
  SIRFP_EXPECTS(plan.rounds <= 4, threads, " threads do not cover ", widest(of), " channels");
  const auto matrix = std::make_shared<one_matrix>(widest(of));
  const auto work = std::make_shared<workspace>(plan);
  const auto jobs = std::make_shared<device_array<elimination_job>>(jobs_of(plan, *matrix, *work), nullptr);
  const auto run = [plan, work, jobs, keep = matrix] {
    work->queue.zero();
    launch_elimination(plan, jobs->data(), work->degrees.data(), {work->order.data(), work->degree.data(), work->diagonal.data()},
                       work->queue.data(), nullptr);
  };
  return {run, matrix_bytes(of), 0, {{"steps", static_cast<double>(widest(of))}}};
}

// The layers of a ResNet-101 with ASPP and decoder: how many of each width.
widths resnet101() {
  widths all(7, 64);
  all.insert(all.end(), 12, 128);
  all.insert(all.end(), 3 + 46 + 8, 256);
  all.insert(all.end(), 4 + 6, 512);
  all.insert(all.end(), 23, 1024);
  all.insert(all.end(), 3, 2048);
  return all;
}

}  // namespace

void add_rows() {
  if (tiny()) {
    add_row("eliminate/mixed", [] { return call({3, 65, 40}); });
    return add_row("eliminate_kernels/C:65/threads:32", [] { return kernels({65, 65}, 32); });
  }
  for (const std::int64_t channels : {256, 512, 1024, 2048, 4096})
    for (const std::size_t count : {1U, 132U, 264U})
      if (channels < 4096 || count == 1)
        add_row(text("eliminate/C:", channels, "/matrices:", count), [=] { return call(widths(count, channels)); });
  add_row("eliminate/resnet101", [] { return call(resnet101()); });
  for (const std::int64_t channels : {256, 512, 1024, 2048, 4096})
    for (const int threads : {64, 128, 256, 512})
      if (16 * threads >= channels)
        add_row(text("eliminate_kernels/C:", channels, "/threads:", threads), [=] { return kernels({channels}, threads); });
}

}  // namespace sirfp::bench
