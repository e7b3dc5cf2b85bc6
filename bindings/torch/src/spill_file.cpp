#include "spill_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <string>
#include <system_error>

#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

[[noreturn]] void throw_problem(const std::filesystem::path& folder, const char* what, int error) {
  throw failure(text("temporary file in ", folder.string(), ": cannot ", what, ": ", std::generic_category().message(error),
                     "; allow more memory, or set TMPDIR to a folder with more room"));
}

// `call(data, bytes, place)`, pread or pwrite, until all of it is done.
template <class Byte, class Call>
void transfer(const std::filesystem::path& folder, const char* what, Byte* data, std::int64_t bytes, std::int64_t place, const Call& call) {
  constexpr std::int64_t largest = std::int64_t{1} << 30;  // Linux moves at most 2 GiB - 4096 a call
  while (bytes > 0) {
    const ::ssize_t moved = call(data, static_cast<std::size_t>(std::min(bytes, largest)), static_cast<::off_t>(place));
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) throw_problem(folder, what, moved < 0 ? errno : EIO);
    data += moved;
    bytes -= moved;
    place += moved;
  }
}

}  // namespace

spill_file::~spill_file() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void spill_file::open() {
  const char* given = std::getenv("TMPDIR");
  folder_ = given != nullptr && *given != '\0' ? given : "/tmp";
  std::string name = (folder_ / "sirfp-spill-XXXXXX").string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) throw_problem(folder_, "write", errno);
  ::unlink(name.c_str());
}

spill_file::region spill_file::reserve(std::int64_t bytes) {
  for (auto place = free_.begin(); place != free_.end(); ++place) {
    const auto [at, room] = *place;
    if (room < bytes) continue;
    free_.erase(place);
    if (room > bytes) free_.emplace(at + bytes, room - bytes);
    return {at, bytes};
  }
  end_ += bytes;
  return {end_ - bytes, bytes};
}

// Free places that touch become one, and the last one is cut off.
void spill_file::release(region freed) {
  auto next = free_.lower_bound(freed.at);
  if (next != free_.end() && freed.at + freed.bytes == next->first) {
    freed.bytes += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == freed.at) {
      freed = {before->first, before->second + freed.bytes};
      free_.erase(before);
    }
  }
  if (freed.at + freed.bytes < end_) {
    free_.emplace(freed.at, freed.bytes);
    return;
  }
  end_ = freed.at;
  if (::ftruncate(descriptor_, end_) != 0) throw_problem(folder_, "shorten it", errno);
}

spill_file::region spill_file::put(const void* data, std::int64_t bytes) {
  if (descriptor_ < 0) open();
  const region place = reserve(bytes);
  transfer(folder_, "write", static_cast<const char*>(data), bytes, place.at,
           [&](const char* from, std::size_t count, ::off_t at) { return ::pwrite(descriptor_, from, count, at); });
  return place;
}

void spill_file::take(const region& from, void* data) {
  transfer(folder_, "read", static_cast<char*>(data), from.bytes, from.at,
           [&](char* to, std::size_t count, ::off_t at) { return ::pread(descriptor_, to, count, at); });
  release(from);
}

}  // namespace sirfp::adapter
