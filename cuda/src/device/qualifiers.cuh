// How a function is marked as a kernel or as device code; nothing under the emulator, where both are plain C++.
#pragma once

#ifdef __CUDACC__
#define SIRFP_KERNEL __global__ void
#define SIRFP_DEVICE __device__ __forceinline__
#define SIRFP_GRID_CONSTANT __grid_constant__  // of a const parameter whose address is used
#define SIRFP_LAUNCH_BOUNDS(...) __launch_bounds__(__VA_ARGS__)
#define SIRFP_UNROLL _Pragma("unroll")    // before a loop whose body indexes registers
#define SIRFP_ROLLED _Pragma("unroll 1")  // before a loop that is rarely entered: its body once, so that it costs no registers
#else
#define SIRFP_KERNEL void
#define SIRFP_DEVICE inline
#define SIRFP_GRID_CONSTANT
#define SIRFP_LAUNCH_BOUNDS(...)
#define SIRFP_UNROLL
#define SIRFP_ROLLED
#endif
