// What is to be known of a GPU before anything is tuned: what memory and L2 give, what waiting costs, what tensor cores keep. Rows of
// latencies and bits report what they found as counters; their time says nothing.
#include <algorithm>
#include <memory>
#include <numeric>
#include <random>

#include "../support/kernel_table.hpp"
#include "cold_row.hpp"
#include "device/runtime.hpp"
#include "gram_row.hpp"
#include "probes.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp::bench {
namespace {

struct reading {
  explicit reading(std::int64_t size) : words(size / 16), bytes(size, nullptr), sink(1, nullptr) {
    fill_random(bytes.data(), dtype::f32, size / 4, 1);
  }
  void run() const { launch_read(bytes.data(), words, sink.data()); }
  std::int64_t words;
  device_array<std::byte> bytes;
  device_array<unsigned> sink;
};

// `passes` over the same bytes: with two, what the second takes is this less the row with one. As long as L2 keeps the map, a norm pass
// before the Gram pass is free.
void add_reading(std::int64_t size, int passes) {
  add_row(text("read/KiB:", size >> 10, "/passes:", passes), [=] {
    const auto from = std::make_shared<reading>(size);
    const auto run = [=] {
      for (int k = 0; k < passes; ++k) from->run();
    };
    return cold_row{run, static_cast<double>(size)};
  });
}

// A random cycle through the 128-byte lines of `size` bytes: near and far slices of L2 show as the low and the high clocks.
void add_chase(std::int64_t size) {
  add_row(text("l2_latency/KiB:", size >> 10), [=] {
    const auto lines = static_cast<std::size_t>(size / 128);
    std::vector<unsigned> order(lines);
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin() + 1, order.end(), std::mt19937(1));
    std::vector<unsigned> chain(lines * 32);
    for (std::size_t k = 0; k < lines; ++k) chain[order[k] * 32] = order[(k + 1) % lines];
    const auto from = std::make_shared<device_array<unsigned>>(chain, nullptr);
    const int steps = static_cast<int>(std::min<std::size_t>(lines, 8192));
    const auto to = std::make_shared<device_array<int>>(steps, nullptr);
    const auto run = [=] { launch_chase(from->data(), steps, to->data()); };
    run();  // into L2
    run();
    std::vector<int> clocks = to->to_host_sync();
    std::sort(clocks.begin(), clocks.end());
    const auto at = [&](double share) { return static_cast<double>(clocks[static_cast<std::size_t>(share * (steps - 1))]); };
    return cold_row{run, 0, 0, {{"clocks_10%", at(0.1)}, {"clocks_50%", at(0.5)}, {"clocks_90%", at(0.9)}}};
  });
}

void add_collective(const char* name, collective what, std::int64_t blocks, int threads) {
  add_row(text(name, "/blocks:", blocks, "/threads:", threads), [=] {
    const int rounds = tiny() ? 3 : 1000;
    const auto to = std::make_shared<device_array<int>>(blocks, nullptr);
    const auto run = [=] { launch_collective(what, blocks, threads, rounds, to->data()); };
    run();
    run();
    const std::vector<int> clocks = to->to_host_sync();
    const int longest = *std::max_element(clocks.begin(), clocks.end());
    return cold_row{run, 0, 0, {{"clocks_each", static_cast<double>(longest) / rounds}}};
  });
}

void add_mma_habits() {
  add_row("mma_habits", [] {
    const mma_habits found = mma_habits_sync();
    return cold_row{
        [] { mma_habits_sync(); },
        0,
        0,
        {{"bits_beyond_fp32", found.bits_beyond_fp32}, {"rounds", found.rounds ? 1 : 0}, {"sixteen_at_once", found.sixteen ? 1 : 0}}};
  });
}

// Sums of squares grow only: a bias of the tensor cores' additions adds up. Signed, relative, of the diagonal; `strict` is fp64.
void add_bias(dtype type, std::int64_t pixels) {
  add_row(text("bias/", name_of(type), "/P:", pixels), [=] {
    const auto map = std::make_shared<random_map>(type, 1, 64, 1, pixels);
    const auto diagonal = [&](gram_precision precision) {
      similarity_state state;
      accumulate_similarity(cuda_context(0, nullptr, nullptr, {precision}), map->view, {}, {}, state);
      const std::vector<double> all = mean_redundancy_sync(state);
      std::vector<double> values;
      for (std::int64_t c = 0; c < 64; ++c) values.push_back(all[static_cast<std::size_t>(packed_index(c, c))]);
      return values;
    };
    const std::vector<double> got = diagonal(gram_precision::standard);
    const std::vector<double> exact = diagonal(gram_precision::strict);
    double bias = 0;
    for (std::size_t c = 0; c < 64; ++c) bias += (got[c] / exact[c] - 1) / 64;
    return cold_row{[] {}, 0, 0, {{"relative_bias", bias}}};
  });
}

}  // namespace

void add_rows() {
  add_mma_habits();
  const device_facts facts = device::facts_of(0);
  if (tiny()) {
    add_reading(1 << 16, 2);
    add_chase(1 << 12);
    add_collective("grid_barrier", collective::grid_barrier, 2, 64);
    add_collective("warp_max", collective::warp_max, 1, 64);
    return add_bias(dtype::f16, 100);
  }
  add_reading(std::int64_t{4} << 30, 1);
  for (const std::int64_t megabytes : {4, 8, 16, 24, 32, 48, 64})
    for (const int passes : {1, 2}) add_reading(megabytes << 20, passes);
  for (const std::int64_t kilobytes : {256, 4096, 16384}) add_chase(kilobytes << 10);
  for (const int threads : {32, 128, 256, 512, 1024}) {
    add_collective("block_barrier", collective::block_barrier, 1, threads);
    add_collective("block_barrier", collective::block_barrier, facts.multiprocessors, threads);
  }
  for (const int threads : {32, 256, 512}) {
    add_collective("warp_max", collective::warp_max, 1, threads);
    add_collective("shuffle", collective::shuffle, 1, threads);
  }
  for (const int blocks : {1, 2})
    add_collective("grid_barrier", collective::grid_barrier, std::int64_t{blocks} * facts.multiprocessors, 256);
  for (const dtype type : {dtype::f16, dtype::bf16, dtype::f32})
    for (const std::int64_t pixels : {8192, 524288}) add_bias(type, pixels);
}

}  // namespace sirfp::bench
