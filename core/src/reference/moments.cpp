#include "sirfp/expects.hpp"
#include "reference_backend.hpp"

namespace sirfp {
void reference_backend::batch_moments(const context&, const feature_view&, const pixel_weights&, moments_state&) const { throw failure("to be written"); }
}
