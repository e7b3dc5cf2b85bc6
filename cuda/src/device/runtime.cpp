#include "runtime.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>

#include "cuda_error.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::device {
namespace {

cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  SIRFP_CHECK_CUDA(cudaDeviceGetAttribute(&value, which, device));
  return value;
}

}  // namespace

void check_cuda(cudaError_t status, const char* what, const char* file, int line) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // the context stays usable unless the error is sticky
  throw failure(text("CUDA error ", static_cast<int>(status), " (", cudaGetErrorName(status), ": ", cudaGetErrorString(status), ") in ",
                     what, " at ", file, ":", line));
}

cuda_versions versions() {
  cuda_versions found;
  SIRFP_CHECK_CUDA(cudaDriverGetVersion(&found.driver));
  SIRFP_CHECK_CUDA(cudaRuntimeGetVersion(&found.runtime));
  return found;
}

int device_count() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver || status == cudaErrorNoDevice) {  // no driver, or none of its devices: no GPU, no fault
    cudaGetLastError();
    return 0;
  }
  check_cuda(status, "cudaGetDeviceCount", __FILE__, __LINE__);
  return count;
}

device_facts facts_of(int device) {
  return {
      .arch = 10 * attribute(cudaDevAttrComputeCapabilityMajor, device) + attribute(cudaDevAttrComputeCapabilityMinor, device),
      .multiprocessors = attribute(cudaDevAttrMultiProcessorCount, device),
      .threads_per_multiprocessor = attribute(cudaDevAttrMaxThreadsPerMultiProcessor, device),
      .shared_bytes_per_block = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
      .shared_bytes_per_multiprocessor = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor, device),
      .l2_bytes = attribute(cudaDevAttrL2CacheSize, device),
  };
}

void keep_pool(int device) {
  cudaMemPool_t pool = nullptr;
  SIRFP_CHECK_CUDA(cudaDeviceGetDefaultMemPool(&pool, device));
  std::uint64_t all = UINT64_MAX;
  SIRFP_CHECK_CUDA(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all));
}

device_scope::device_scope(int device) {
  SIRFP_CHECK_CUDA(cudaGetDevice(&former_));
  if (device != former_)
    SIRFP_CHECK_CUDA(cudaSetDevice(device));
  else
    former_ = -1;
}

device_scope::~device_scope() {
  if (former_ >= 0) cudaSetDevice(former_);
}

memory_bytes memory() {
  memory_bytes found;
  SIRFP_CHECK_CUDA(cudaMemGetInfo(&found.free, &found.total));
  return found;
}

void* allocate(std::size_t bytes, void* stream) {
  void* pointer = nullptr;
  const cudaError_t status = cudaMallocAsync(&pointer, bytes, stream_of(stream));
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw out_of_memory(bytes, memory());
  }
  SIRFP_CHECK_CUDA(status);
  return pointer;
}

void release(void* pointer, void* stream) noexcept { cudaFreeAsync(pointer, stream_of(stream)); }

void zero(void* pointer, std::size_t bytes, void* stream) { SIRFP_CHECK_CUDA(cudaMemsetAsync(pointer, 0, bytes, stream_of(stream))); }

void copy(void* pointer, const void* from, std::size_t bytes, void* stream) {
  SIRFP_CHECK_CUDA(cudaMemcpyAsync(pointer, from, bytes, cudaMemcpyDeviceToDevice, stream_of(stream)));
}

void copy_to_device(void* pointer, const void* host, std::size_t bytes, void* stream) {
  SIRFP_CHECK_CUDA(cudaMemcpyAsync(pointer, host, bytes, cudaMemcpyHostToDevice, stream_of(stream)));
}

void copy_to_host_sync(void* host, const void* pointer, std::size_t bytes, void* stream) {
  SIRFP_CHECK_CUDA(cudaMemcpyAsync(host, pointer, bytes, cudaMemcpyDeviceToHost, stream_of(stream)));
  wait_sync(stream);
}

void wait_sync(void* stream) { SIRFP_CHECK_CUDA(cudaStreamSynchronize(stream_of(stream))); }

bool is_device_memory(const void* pointer, int device) {
  cudaPointerAttributes attributes{};
  if (cudaPointerGetAttributes(&attributes, pointer) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  const bool reached = attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
  return reached && (device < 0 || attributes.device == device || attributes.type == cudaMemoryTypeManaged);
}

event::event() {
  cudaEvent_t made = nullptr;
  SIRFP_CHECK_CUDA(cudaEventCreate(&made));
  handle_ = made;
}
event::~event() { cudaEventDestroy(static_cast<cudaEvent_t>(handle_)); }
void event::record(void* stream) { SIRFP_CHECK_CUDA(cudaEventRecord(static_cast<cudaEvent_t>(handle_), stream_of(stream))); }
void event::hold(void* stream) { SIRFP_CHECK_CUDA(cudaStreamWaitEvent(stream_of(stream), static_cast<cudaEvent_t>(handle_), 0)); }
void event::wait_sync() { SIRFP_CHECK_CUDA(cudaEventSynchronize(static_cast<cudaEvent_t>(handle_))); }
double event::milliseconds_since(const event& earlier) const {
  float elapsed = 0;
  SIRFP_CHECK_CUDA(cudaEventElapsedTime(&elapsed, static_cast<cudaEvent_t>(earlier.handle_), static_cast<cudaEvent_t>(handle_)));
  return static_cast<double>(elapsed);
}

}  // namespace sirfp::device
