// The block's shared memory: all of it dynamic, as many bytes as the launch asked for, 128-byte aligned; the plan lays it out.
#pragma once

#include <cstddef>

#include "qualifiers.cuh"
#ifndef __CUDACC__
#include "emulator/threads.hpp"
#endif

namespace sirfp::device {

#ifdef __CUDACC__
extern __shared__ __align__(128) unsigned char shared_bytes_of_block[];
SIRFP_DEVICE unsigned char* shared_bytes() { return shared_bytes_of_block; }
#else
inline unsigned char* shared_bytes() { return emulator::this_thread().home->shared.data(); }
#endif

// An array at `offset` bytes.
template <class T>
SIRFP_DEVICE T* shared_array(std::size_t offset = 0) {
  return reinterpret_cast<T*>(shared_bytes() + offset);
}

}  // namespace sirfp::device
