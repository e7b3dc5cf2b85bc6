#include "sirfp/cuda_context.hpp"

#include <thread>

#include "cuda_backend.hpp"
#include "cuda_memory.hpp"
#include "device/runtime.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

std::string why_no_device() {
  const auto [driver, runtime] = device::versions();
  const auto version = [](int number) { return text(number / 1000, ".", number % 1000 / 10); };
  if (driver == 0) return "no NVIDIA driver on this machine";
  if (driver / 1000 < runtime / 1000)
    return text("the driver serves CUDA up to ", version(driver), ", this build needs ", version(runtime));
  return "the driver finds no GPU";
}

}  // namespace

bool cuda_backend::reads(const void* data) const { return device::is_device_memory(data, device_); }

context cuda_context(int device, void* stream, std::shared_ptr<executor> threads, const cuda_options& options) {
  const int count = device::device_count();
  SIRFP_EXPECTS(count > 0, "backend cuda: ", why_no_device());
  SIRFP_EXPECTS(device >= 0 && device < count, "backend cuda: device ", device, ", expected 0 to ", count - 1);
  const device_facts facts = device::facts_of(device);
  SIRFP_EXPECTS(facts.arch >= 80, "backend cuda: device ", device, " has compute capability ", facts.arch / 10, ".", facts.arch % 10,
                ", expected at least 8.0");
  SIRFP_EXPECTS(options.engine == gram_engine::own || options.precision == gram_precision::standard, "cuda_options: the ",
                options.engine == gram_engine::cublas ? "cublas" : "wgmma", " engine with strict precision, expected one of the two");
  const device::device_scope scope(device);
  device::keep_pool(device);
  if (!threads) threads = make_thread_pool(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  return {std::make_shared<cuda_backend>(device, facts, options), std::move(threads), std::make_shared<cuda_memory>(device, stream),
          stream};
}

}  // namespace sirfp
