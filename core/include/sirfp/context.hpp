// The context: which backend computes, on which threads, stream and memory. Every public function takes it first.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "sirfp/memory.hpp"
#include "sirfp/parallel.hpp"

namespace sirfp {

class backend;

struct context {
  std::shared_ptr<const sirfp::backend> backend;
  std::shared_ptr<executor> threads;
  std::shared_ptr<memory_resource> memory;
  void* stream = nullptr;  // a cudaStream_t for the cuda backend; the caller's, never ours
};

// fp64 plain loops on the host: the oracle that the other backends are tested against.
context reference_context();
// BLAS, SIMD and threads on the host. A null pool gets make_thread_pool(hardware concurrency).
context cpu_context(std::shared_ptr<executor> threads = nullptr);

// What a caller may ask of a backend that works on a device.
struct device_request {
  int device = 0;          // make_context takes it from the name
  void* stream = nullptr;  // a cudaStream_t, the caller's; null: the default stream
  bool exact = false;      // products in fp64 from the first on: slow
};
// "reference", "cpu", or "cuda" and "cuda:N" (device N) where the build has it; an absent backend says which build option brings it.
context make_context(std::string_view backend_name, std::shared_ptr<executor> threads = nullptr, device_request request = {});
bool has_backend(std::string_view name);

// How make_context gets a backend that core does not know: the library that has it calls this once, before main.
using context_factory = std::function<context(const device_request&, std::shared_ptr<executor> threads)>;
void register_backend(std::string_view name, context_factory make);

}  // namespace sirfp
