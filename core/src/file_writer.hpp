// A file being written, through system calls so that an error's reason is the system's.
#pragma once

#include <cstddef>
#include <filesystem>

namespace sirfp {

class file_writer {
 public:
  // `called` is the path that errors name: the file that the user asked for, not the temporary one. Truncates what is at `path`.
  file_writer(const std::filesystem::path& path, std::filesystem::path called);
  file_writer(const file_writer&) = delete;
  file_writer& operator=(const file_writer&) = delete;
  ~file_writer();
  void write(const void* data, std::size_t bytes);  // all of it, or throws failure
  void close();

 private:
  std::filesystem::path called_;
  int descriptor_ = -1;
};

// "PATH: cannot WHAT: REASON" as a failure, the reason from errno.
[[noreturn]] void throw_system_failure(const std::filesystem::path& path, const char* what, int error);

}  // namespace sirfp
