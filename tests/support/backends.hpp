// Every way to compute on this machine: the reference, the cpu backend with each instruction set and several threads, and the cuda backend,
// under the emulator or (gpu_*_test) on a GPU.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cpu/cpu_backend.hpp"
#include "sirfp/context.hpp"
#include "support/long_run.hpp"
#ifdef SIRFP_EMULATED_CUDA
#include "emulator/grid.hpp"
#include "sirfp/cuda_context.hpp"
#endif

namespace sirfp::test {

struct named_context {
  std::string name;
  context ctx;
  bool exact = false;     // computes in fp64
  bool deferred = false;  // bad input is thrown by the next `_sync` function (device_notes.hpp)
  bool emulated = false;  // kernels run on the host, a thousand times slower than on a GPU
};

// A Gram matrix that would take an emulated backend more than a fraction of a second; `make test-long` does them too.
inline bool is_too_slow(const named_context& backend, std::int64_t images, std::int64_t channels, std::int64_t pixels) {
  constexpr std::int64_t most_products = 10'000'000;
  const std::int64_t rows = std::max<std::int64_t>(channels, 16);  // of the smallest matrix product
  return backend.emulated && images * rows * rows * pixels > most_products && !long_run();
}

inline std::string_view name_of(simd_level level) {
  constexpr std::string_view names[] = {"baseline", "avx2", "avx512"};
  return names[static_cast<int>(level)];
}

inline named_context cpu_at(simd_level level, int threads) {
  return {"cpu/" + std::string(name_of(level)) + "/" + std::to_string(threads) + " threads",
          {std::make_shared<cpu_backend>(level), make_thread_pool(threads), host_memory(), nullptr}};
}

inline std::vector<simd_level> simd_levels() {
  std::vector<simd_level> levels;
  for (int level = 0; level <= static_cast<int>(best_simd_level()); ++level) levels.push_back(static_cast<simd_level>(level));
  return levels;
}

inline std::vector<named_context> all_backends() {
  std::vector<named_context> all{{"reference", reference_context(), true}};
  for (const simd_level level : simd_levels()) all.push_back(cpu_at(level, 2));
#ifdef SIRFP_EMULATED_CUDA
  all.push_back(
      {"cuda, emulated with seed " + std::to_string(emulator::seed()), cuda_context(0, nullptr, make_thread_pool(1)), false, true, true});
#elif defined(SIRFP_GPU_TESTS)
  all.push_back({"cuda", make_context("cuda"), false, true});
#endif
  return all;
}

// Where instruction sets make no difference.
inline std::vector<named_context> one_of_each_kind() {
  std::vector<named_context> all = all_backends();
  std::erase_if(all, [](const named_context& each) { return each.name.starts_with("cpu/") && !each.name.starts_with("cpu/baseline"); });
  return all;
}

}  // namespace sirfp::test
