#include "sirfp/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "file_writer.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

namespace fs = std::filesystem;

fs::path directory_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

// Where the bytes will stand: a link to a file is followed, so that it stays a link; a device or a directory cannot be renamed over.
fs::path resolved(const fs::path& target) {
  SIRFP_EXPECTS(!target.empty() && target.has_filename(), "output file \"", target.string(), "\": expected a file name");
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (status.type() == fs::file_type::directory) throw failure(text(target.string(), ": cannot write: Is a directory"));
  if (!fs::exists(status)) return target;
  if (status.type() != fs::file_type::regular) throw failure(text(target.string(), ": cannot write: not a regular file"));
  return fs::is_symlink(fs::symlink_status(target, error)) ? fs::canonical(target) : target;
}

// Makes the file, so that a missing or read-only directory is known before the work starts.
fs::path make_temporary(const fs::path& target, const fs::path& called) {
  static std::atomic<unsigned> counter{0};  // two in one process never share a name
  for (;;) {
    fs::path path = directory_of(target) / text(".", target.filename().string(), ".", ::getpid(), "-", counter++, ".tmp");
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) {
      ::close(descriptor);
      return path;
    }
    if (errno != EEXIST) throw_system_failure(called, "write", errno);
  }
}

void flush_to_disk(const fs::path& path, const fs::path& called) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_system_failure(called, "write", errno);
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0 && error != EINVAL && error != EROFS) throw_system_failure(called, "write", error);  // EINVAL: a file system without fsync
}

}  // namespace

pending_file::pending_file(const fs::path& target) : target_(resolved(target)), temporary_(make_temporary(target_, target)) {}

pending_file::~pending_file() {
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
}

void pending_file::commit() {
  flush_to_disk(temporary_, target_);
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) throw_system_failure(target_, "write", errno);
  committed_ = true;
  const int directory = ::open(directory_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  ::fsync(directory);  // makes the rename survive a power cut; the file is whole either way
  ::close(directory);
}

void write_text(const fs::path& path, std::string_view content) {
  pending_file pending(path);
  file_writer out(pending.path(), path);
  out.write(content.data(), content.size());
  out.close();
  pending.commit();
}

std::string read_text(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  SIRFP_EXPECTS(fs::exists(status), path.string(), ": no such file");
  SIRFP_EXPECTS(!fs::is_directory(status), path.string(), ": is a directory, expected a file");
  std::ifstream in(path, std::ios::binary);
  SIRFP_EXPECTS(in.good(), path.string(), ": cannot read: ", std::generic_category().message(errno));
  std::ostringstream content;
  content << in.rdbuf();
  SIRFP_EXPECTS(!in.bad(), path.string(), ": cannot read: ", std::generic_category().message(errno));
  return std::move(content).str();
}

}  // namespace sirfp
