#include "stopwatch.hpp"

#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "interrupt.hpp"

namespace sirfp::cli {
namespace {

constexpr std::int64_t mebibyte = 1 << 20;

// At least three times the L2 cache of any GPU so far (126 MB). On the host once the last-level cache; what a virtual machine says of its
// size is not always true.
std::int64_t flush_bytes(at::Device device) {
  if (!device.is_cpu()) return 512 * mebibyte;
  const std::int64_t cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return std::clamp<std::int64_t>(cache, 64 * mebibyte, 256 * mebibyte);
}

double host_seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double stream_seconds(at::Device device, const std::function<void()>& work) {
  const c10::Stream stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
  c10::Event start(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  c10::Event end(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  start.record(stream);
  work();
  end.record(stream);
  end.synchronize();
  return 1e-3 * start.elapsedTime(end);
}

bool is_enough(const std::vector<double>& samples, double spent, double most_seconds) {
  constexpr std::size_t least = 10;
  constexpr std::size_t most = 50;
  constexpr double worthwhile = 0.1;
  if (samples.empty()) return false;
  return spent >= most_seconds || (samples.size() >= least && (spent >= worthwhile || samples.size() >= most));
}

}  // namespace

stopwatch::stopwatch(at::Device device)
    : device_(device), flush_(at::empty({flush_bytes(device)}, at::TensorOptions(device).dtype(at::kByte))) {}

double stopwatch::seconds(const std::function<void()>& work) {
  flush_.fill_(1);
  return device_.is_cpu() ? host_seconds(work) : stream_seconds(device_, work);
}

std::vector<timing> race(stopwatch& watch, const std::vector<std::function<void()>>& ways, double most_seconds) {
  std::vector<std::vector<double>> samples(ways.size());
  std::vector<double> spent(ways.size());
  for (bool going = true; going;) {
    going = false;
    for (std::size_t w = 0; w < ways.size(); ++w) {
      if (is_enough(samples[w], spent[w], most_seconds)) continue;
      check_interrupt();
      samples[w].push_back(watch.seconds(ways[w]));
      spent[w] += samples[w].back();
      going = true;
    }
  }
  std::vector<timing> times;
  for (std::vector<double>& own : samples) times.push_back(timing_of(std::move(own)));
  return times;
}

}  // namespace sirfp::cli
