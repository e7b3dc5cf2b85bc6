// Plain C++: runs anywhere. The same loops as the vector files, one lane wide.
#include "elimination_loops.hpp"

namespace sirfp {
namespace {

struct one_lane {
  static constexpr std::int64_t width = 1;
  template <class T>
  static constexpr std::int64_t mirror_block = 8;
  using difference = bool;

  static std::int64_t zero() { return 0; }
  static std::int64_t load_all(std::int64_t value) { return value; }
  static double spread(double value) { return value; }
  static std::int64_t load(const std::int64_t* from) { return *from; }
  static void store(std::int64_t* to, std::int64_t value) { *to = value; }
  template <class T>
  static double magnitude(const T* from) {
    return std::abs(static_cast<double>(*from));
  }
  static std::int64_t bits(double magnitude) { return static_cast<std::int64_t>(bits_of(magnitude)); }
  static std::int64_t fixed(double magnitude, double scale) { return sirfp::fixed(magnitude, scale); }
  static std::int64_t add(std::int64_t a, std::int64_t b) {
    sirfp::add(a, b);
    return a;
  }
  static std::int64_t subtract(std::int64_t a, std::int64_t b) { return a - b; }
  static std::int64_t shift_left(std::int64_t value) { return value << elimination_index_bits; }
  static std::int64_t larger(std::int64_t a, std::int64_t b) { return larger_of(a, b); }
  static std::int64_t sum(std::int64_t value) { return value; }
  static std::int64_t largest(std::int64_t value) { return value; }

  static void compare_one(float a, float b, difference& differs) { differs |= bits_of(a) != bits_of(b); }
  static void compare_one(double a, double b, difference& differs) { differs |= bits_of(a) != bits_of(b); }
  template <class T>
  static void compare_mirror(const T* upper, const T* lower, std::int64_t stride, difference& differs) {
    for (std::int64_t i = 0; i < mirror_block<T>; ++i)
      for (std::int64_t j = 0; j < mirror_block<T>; ++j) compare_one(upper[i * stride + j], lower[j * stride + i], differs);
  }
  static bool any(difference differs) { return differs; }
};

}  // namespace

namespace plain {
constinit const elimination_kernels<float> elimination_f32 = {"plain", scan<one_lane, float>, subtract<one_lane, float>};
constinit const elimination_kernels<double> elimination_f64 = {"plain", scan<one_lane, double>, subtract<one_lane, double>};
}  // namespace plain
}  // namespace sirfp
