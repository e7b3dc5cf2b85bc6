// The launches of elimination.cu, for the host code in elimination.cpp.
#pragma once

#include "elimination_job.hpp"
#include "elimination_plan.hpp"

namespace sirfp {

// Everything is in device memory; `jobs` and `findings` one a slot of the plan, findings zero before.
void launch_elimination_scan(const elimination_plan& plan, const elimination_job* jobs, elimination_finding* findings, void* stream);
// `degrees` and the results one a row; `queue` zero before.
void launch_elimination(const elimination_plan& plan, const elimination_job* jobs, std::int64_t* degrees,
                        const elimination_results& results, unsigned* queue, void* stream);

}  // namespace sirfp
