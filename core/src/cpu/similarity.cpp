#include "sirfp/expects.hpp"
#include "cpu_backend.hpp"

namespace sirfp {
void cpu_backend::batch_similarity(const context&, const feature_view&, const pixel_weights&, const similarity_options&, similarity_state&) const { throw failure("to be written"); }
}
