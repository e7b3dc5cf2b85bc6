// Output files: refused before the work when they cannot be written, and all of them or none afterwards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sirfp/files.hpp"

namespace sirfp::cli {

// Throws invalid_argument if `output` is one of `inputs` (by any name), failure if its directory cannot be written.
void check_output(const std::string& option, const std::filesystem::path& output, const std::vector<std::filesystem::path>& inputs);

struct written_file {
  std::filesystem::path path;
  std::uintmax_t bytes = 0;
};

class output_files {
 public:
  // Lets `write` make the file under a temporary name beside `target`.
  void write(const std::filesystem::path& target, const std::function<void(const std::filesystem::path&)>& write);
  // Puts all of them in their places.
  std::vector<written_file> commit();

 private:
  struct pending {
    std::filesystem::path target;
    std::unique_ptr<pending_file> file;
  };
  std::vector<pending> pending_;
};

}  // namespace sirfp::cli
