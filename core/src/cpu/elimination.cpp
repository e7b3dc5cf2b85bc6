#include "sirfp/expects.hpp"
#include "cpu_backend.hpp"

namespace sirfp {
void cpu_backend::eliminate(const context&, std::span<const redundancy_matrix>, std::span<elimination>) const { throw failure("to be written"); }
}
