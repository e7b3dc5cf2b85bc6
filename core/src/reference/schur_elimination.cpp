#include "sirfp/expects.hpp"
#include "reference_backend.hpp"

namespace sirfp {
schur_elimination reference_backend::eliminate_joint(const context&, std::int64_t, std::span<const schur_site>, const schur_options&) const { throw failure("to be written"); }
}
