#include "sirfp/expects.hpp"
#include "cpu_backend.hpp"

namespace sirfp {
void cpu_backend::batch_edge_score(const context&, const feature_view&, edge_state&) const { throw failure("to be written"); }
}
