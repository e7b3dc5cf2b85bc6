#include "sirfp/cuda_context.hpp"

#include <thread>

#include "cuda_backend.hpp"
#include "cuda_memory.hpp"
#include "device/runtime.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {

context cuda_context(int device, void* stream, std::shared_ptr<executor> threads, const cuda_options& options) {
  const int count = device::device_count();
  SIRFP_EXPECTS(count > 0, "backend cuda: no GPU, or no driver for it");
  SIRFP_EXPECTS(device >= 0 && device < count, "backend cuda: device ", device, ", expected 0 to ", count - 1);
  const device_facts facts = device::facts_of(device);
  SIRFP_EXPECTS(facts.arch >= 80, "backend cuda: device ", device, " has compute capability ", facts.arch / 10, ".", facts.arch % 10,
                ", expected at least 8.0");
  SIRFP_EXPECTS(options.engine == gram_engine::own || options.precision == gram_precision::standard,
                "cuda_options: the cublas engine with strict precision, expected one of the two");
  const device::device_scope scope(device);
  device::keep_pool(device);
  if (!threads) threads = make_thread_pool(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  return {std::make_shared<cuda_backend>(device, facts, options), std::move(threads), std::make_shared<cuda_memory>(device, stream),
          stream};
}

}  // namespace sirfp
