#include <fstream>

#include "module_paths.hpp"
#include "sirfp/adapter/network.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "widen.hpp"

namespace sirfp::adapter {

void save_network(const network& net, const std::filesystem::path& path) {
  const auto module = is_narrow(net.stored) ? narrowed(net.module, net.stored) : net.module;
  pending_file file(path);
  try {
    std::ofstream out(file.path(), std::ios::binary);
    module.save(out);
    out.close();
    if (!out) throw failure(text(path.string(), ": cannot write: ", std::generic_category().message(errno)));
  } catch (const failure&) {
    throw;
  } catch (const std::exception& error) {
    throw failure(text(path.string(), ": cannot write: ", first_line(error)));
  }
  file.commit();
}

}  // namespace sirfp::adapter
