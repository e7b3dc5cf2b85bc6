#include "sirfp/expects.hpp"
#include "reference_backend.hpp"

namespace sirfp {
void reference_backend::eliminate(const context&, std::span<const redundancy_matrix>, std::span<elimination>) const { throw failure("to be written"); }
}
