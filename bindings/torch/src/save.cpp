#include <sstream>

#include "module_paths.hpp"
#include "sirfp/adapter/network.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "widen.hpp"

namespace sirfp::adapter {

// Through memory: libtorch's own writer ends the program when the disk is full (its destructor throws).
void save_network(const network& net, const std::filesystem::path& path) {
  const auto module = is_narrow(net.stored) ? narrowed(net.module, net.stored) : net.module;
  std::ostringstream archive;
  try {
    module.save(archive);
  } catch (const std::exception& error) {
    throw failure(text(path.string(), ": cannot write: ", first_line(error)));
  }
  write_text(path, std::move(archive).str());
}

}  // namespace sirfp::adapter
