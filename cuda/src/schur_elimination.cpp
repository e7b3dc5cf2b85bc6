#include "sirfp/schur_elimination.hpp"

#include "cuda_backend.hpp"

namespace sirfp {

schur_elimination cuda_backend::eliminate_joint(const context& ctx, std::int64_t channels, std::span<const schur_site> sites,
                                                const schur_options& options) const {
  const context host = cpu_context(ctx.threads);
  return host.backend->eliminate_joint(host, channels, sites, options);
}

}  // namespace sirfp
