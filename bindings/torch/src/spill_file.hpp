// Bytes put aside on disk: a temporary file without a name, so that nothing is left behind however the program ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>

namespace sirfp::adapter {

class spill_file {
 public:
  struct region {
    std::int64_t at = 0;
    std::int64_t bytes = 0;
  };

  // In TMPDIR, or /tmp where that is not set; made by the first `put`. Throws failure (full disk, no such folder), naming the folder.
  spill_file() = default;
  spill_file(const spill_file&) = delete;
  spill_file& operator=(const spill_file&) = delete;
  ~spill_file();

  region put(const void* data, std::int64_t bytes);
  // Reads a region back; its place is free then.
  void take(const region& from, void* data);
  // How far the file reaches.
  std::int64_t size() const noexcept { return end_; }

 private:
  void open();
  region reserve(std::int64_t bytes);
  void release(region freed);

  std::filesystem::path folder_;
  int descriptor_ = -1;
  std::int64_t end_ = 0;
  std::map<std::int64_t, std::int64_t> free_;  // place -> bytes; no two touch, none touches the end
};

}  // namespace sirfp::adapter
