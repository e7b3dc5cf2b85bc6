// Errors of the library: one exception hierarchy, and the check that every public entry uses.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace sirfp {

// Bad use: an argument, a file or an option that cannot be served. The text names the value and what was expected.
class invalid_argument : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Something that was well asked for failed: a full disk, a network whose feature maps are not finite.
class failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Memory of a device is not there. Whoever can do with less may try again.
class out_of_memory : public failure {
 public:
  using failure::failure;
};

// A feature map holds a NaN or an infinity. Thrown before any state is changed.
class non_finite_error : public failure {
 public:
  non_finite_error(long long image_in_batch, long long channel);
  long long image_in_batch;
  long long channel;
};

// Concatenates anything that can be streamed; the way error texts are built.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace sirfp

// SIRFP_EXPECTS(cond, "parts, ", value, ...): throws sirfp::invalid_argument with the parts joined when cond is false.
#define SIRFP_EXPECTS(condition, ...)                                              \
  do {                                                                             \
    if (!(condition)) throw ::sirfp::invalid_argument(::sirfp::text(__VA_ARGS__)); \
  } while (false)
