#include "sirfp/expects.hpp"
#include "reference_backend.hpp"

namespace sirfp {
void reference_backend::batch_similarity(const context&, const feature_view&, const pixel_weights&, const similarity_options&, similarity_state&) const { throw failure("to be written"); }
}
