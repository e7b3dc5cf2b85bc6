// Whole-or-absent output files.
#pragma once

#include <filesystem>
#include <string_view>

namespace sirfp {

// Holds the name of a temporary file beside `target`; commit() renames it over the target, the destructor removes it otherwise.
class pending_file {
 public:
  // Throws failure if the directory does not exist or cannot be written ("out/small.pt: cannot write: No such file or directory"), or if
  // the target is there and no regular file. A link to a file stays a link: the file that it names is replaced.
  explicit pending_file(const std::filesystem::path& target);
  pending_file(const pending_file&) = delete;
  pending_file& operator=(const pending_file&) = delete;
  ~pending_file();
  const std::filesystem::path& path() const noexcept { return temporary_; }
  // Flushes to disk (fsync) and renames. Throws failure.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

void write_text(const std::filesystem::path& path, std::string_view content);  // whole or absent
std::string read_text(const std::filesystem::path& path);                      // throws invalid_argument naming the path

}  // namespace sirfp
