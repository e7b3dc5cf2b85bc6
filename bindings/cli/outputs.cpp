#include "outputs.hpp"

#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

// An error about the temporary file is one about the file that the user named.
std::string with_target(std::string message, const std::filesystem::path& temporary, const std::filesystem::path& target) {
  const std::size_t at = message.find(temporary.string());
  if (at != std::string::npos) message.replace(at, temporary.string().size(), target.string());
  return message;
}

}  // namespace

void check_output(const std::string& option, const std::filesystem::path& output, const std::vector<std::filesystem::path>& inputs) {
  for (const auto& input : inputs) {
    std::error_code problem;
    const bool same = output == input || std::filesystem::equivalent(output, input, problem);
    SIRFP_EXPECTS(!same, option, " ", output.string(), ": is an input (", input.string(),
                  "), which is never written to; expected another name");
  }
  pending_file probe(output);
}

void output_files::write(const std::filesystem::path& target, const std::function<void(const std::filesystem::path&)>& write) {
  auto file = std::make_unique<pending_file>(target);
  try {
    write(file->path());
  } catch (const failure& problem) {
    throw failure(with_target(problem.what(), file->path(), target));
  }
  pending_.push_back({target, std::move(file)});
}

std::vector<written_file> output_files::commit() {
  std::vector<written_file> written;
  for (const pending& one : pending_) {
    one.file->commit();
    written.push_back({one.target, std::filesystem::file_size(one.target)});
  }
  pending_.clear();
  return written;
}

}  // namespace sirfp::cli
