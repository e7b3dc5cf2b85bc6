#include "progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <utility>

namespace sirfp::cli {
namespace {

// A terminal is redrawn ten times a second; a log gets a line every ten seconds.
constexpr double terminal_interval = 0.1;
constexpr double line_interval = 10;

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::ceil(seconds));
  char buffer[64];
  if (whole < 60) {
    std::snprintf(buffer, sizeof buffer, "%lld s", whole);
  } else if (whole < 3600) {
    std::snprintf(buffer, sizeof buffer, "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(buffer, sizeof buffer, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  }
  return buffer;
}

}  // namespace

progress_style progress_style_of_stderr(bool quiet) {
  if (quiet) return progress_style::none;
  return isatty(STDERR_FILENO) != 0 ? progress_style::terminal : progress_style::lines;
}

std::string progress_text(std::string_view what, std::int64_t done, std::int64_t total, std::string_view unit, double done_per_second) {
  std::string line(what);
  line += ' ' + std::to_string(done) + '/' + std::to_string(total) + ' ' + std::string(unit);
  if (done_per_second > 0) {
    char rate[64];
    std::snprintf(rate, sizeof rate, ", %.3g/s", done_per_second);
    line += rate;
    if (done < total) line += ", " + duration_text(static_cast<double>(total - done) / done_per_second) + " left";
  }
  return line;
}

progress::progress(progress_style style, std::string what, std::int64_t total, std::string unit, std::int64_t already_done)
    : style_(style),
      what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      done_(already_done),
      done_at_start_(already_done),
      start_(clock::now()),
      shown_(start_) {
  if (style_ != progress_style::none) show(start_);
}

progress::~progress() {
  if (style_ == progress_style::terminal) std::fputs("\r\x1b[K", stderr);
}

void progress::advance(std::int64_t count) {
  done_ += count;
  if (style_ == progress_style::none) return;
  const auto now = clock::now();
  const double since = std::chrono::duration<double>(now - shown_).count();
  if (done_ >= total_ || since >= (style_ == progress_style::terminal ? terminal_interval : line_interval)) show(now);
}

void progress::remark(std::string_view line) {
  if (style_ == progress_style::terminal) std::fputs("\r\x1b[K", stderr);
  announce(style_, line);
  if (style_ == progress_style::terminal) show(clock::now());
}

void progress::show(clock::time_point now) {
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = done_ > done_at_start_ && seconds > 0 ? static_cast<double>(done_ - done_at_start_) / seconds : 0;
  const std::string line = progress_text(what_, done_, total_, unit_, rate);
  std::fprintf(stderr, style_ == progress_style::terminal ? "\r\x1b[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
}

void announce(progress_style style, std::string_view line) {
  if (style != progress_style::none) std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

}  // namespace sirfp::cli
