#include "sirfp/expects.hpp"
#include "cpu_backend.hpp"

namespace sirfp {
schur_elimination cpu_backend::eliminate_joint(const context&, std::int64_t, std::span<const schur_site>, const schur_options&) const { throw failure("to be written"); }
}
