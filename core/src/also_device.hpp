// Marks plain C++ of core that the kernels of a GPU backend compile too, so that a rule stands in one place. Nothing to anybody else.
#pragma once

#ifdef __CUDACC__
#define SIRFP_ALSO_DEVICE __host__ __device__
#else
#define SIRFP_ALSO_DEVICE
#endif
