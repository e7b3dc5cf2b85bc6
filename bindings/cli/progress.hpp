// Progress of long work, on stderr: one rewritten line with rate and time left on a terminal, plain lines now and then otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace sirfp::cli {

enum class progress_style : std::uint8_t { none, lines, terminal };

// What stderr is: a terminal, or not; `none` when the user asked for quiet.
progress_style progress_style_of_stderr(bool quiet);

// "observing 12/32 images, 4.1/s, 5 s left". Pure, so that it is tested by what it prints.
std::string progress_text(std::string_view what, std::int64_t done, std::int64_t total, std::string_view unit, double done_per_second);

class progress {
 public:
  progress(progress_style style, std::string what, std::int64_t total, std::string unit, std::int64_t already_done = 0);
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress();
  void advance(std::int64_t count);
  // A line of its own, above the one that is rewritten.
  void remark(std::string_view line);

 private:
  using clock = std::chrono::steady_clock;
  void show(clock::time_point now);
  progress_style style_;
  std::string what_;
  std::string unit_;
  std::int64_t total_;
  std::int64_t done_;
  std::int64_t done_at_start_;
  clock::time_point start_;
  clock::time_point shown_;
};

// One plain line for a step that has no count ("analysing net.pt"); nothing when quiet.
void announce(progress_style style, std::string_view line);

}  // namespace sirfp::cli
