// Every way to compute on this machine: the reference, and the cpu backend with each instruction set and several threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cpu/cpu_backend.hpp"
#include "sirfp/context.hpp"

namespace sirfp::test {

struct named_context {
  std::string name;
  context ctx;
  bool exact = false;  // computes in fp64
};

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
  return all;
}

}  // namespace sirfp::test
