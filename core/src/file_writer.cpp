#include "file_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "sirfp/expects.hpp"

namespace sirfp {

void throw_system_failure(const std::filesystem::path& path, const char* what, int error) {
  throw failure(text(path.string(), ": cannot ", what, ": ", std::generic_category().message(error)));
}

file_writer::file_writer(const std::filesystem::path& path, std::filesystem::path called) : called_(std::move(called)) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_system_failure(called_, "write", errno);
}

file_writer::~file_writer() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void file_writer::write(const void* data, std::size_t bytes) {
  constexpr std::size_t largest = std::size_t{1} << 30;  // Linux writes at most 2 GiB - 4096 a call
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ::ssize_t written = ::write(descriptor_, at, std::min(bytes, largest));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_system_failure(called_, "write", errno);
    at += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void file_writer::close() {
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) throw_system_failure(called_, "write", errno);
}

}  // namespace sirfp
