#include "sirfp/fingerprint.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "sirfp/expects.hpp"
#include "sirfp/op_list.hpp"

namespace sirfp {
namespace {

// Unambiguous bytes of everything that is written in the graph: each item goes in with its size or kind before it.
class byte_stream {
 public:
  template <class Number>
  void put(Number n) {
    char raw[sizeof(Number)];
    std::memcpy(raw, &n, sizeof(Number));
    bytes_.append(raw, sizeof(Number));
  }
  void put_text(const std::string& s) {
    put(static_cast<std::uint64_t>(s.size()));
    bytes_ += s;
  }
  std::string hash() const { return hash_bytes(bytes_.data(), bytes_.size()); }

 private:
  std::string bytes_;
};

// Computed numbers depend on the input's size: only that there is one counts.
template <class Number>
void put_numbers(byte_stream& out, const std::vector<Number>& numbers, const std::vector<std::uint8_t>& literal) {
  out.put(static_cast<std::uint64_t>(numbers.size()));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const bool written = i >= literal.size() || literal[i] != 0;
    out.put(static_cast<std::uint8_t>(written));
    if (written) out.put(numbers[i]);
  }
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string s = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) s += (i ? ", " : "") + std::to_string(shape[i]);
  return s + "]";
}

std::optional<std::string> tensor_difference(const network_fingerprint::tensor& here, const network_fingerprint::tensor& there,
                                             const std::string& there_is_called) {
  if (here.name != there.name) return text("parameter ", here.name, " here, ", there.name, " in ", there_is_called);
  if (here.shape != there.shape) {
    return text("parameter ", here.name, ": shape ", shape_text(here.shape), " here, ", shape_text(there.shape), " in ", there_is_called);
  }
  if (!here.hash.empty() && !there.hash.empty() && here.hash != there.hash) {
    return text("parameter ", here.name, ": other values here than in ", there_is_called);
  }
  return std::nullopt;
}

}  // namespace

std::string hash_bytes(const void* data, std::size_t bytes) {
  std::uint64_t h = 14695981039346656037u;
  const auto* p = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < bytes; ++i) h = (h ^ p[i]) * 1099511628211u;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(h));
  return hex;
}

network_fingerprint fingerprint_of(const op_list& network) {
  network_fingerprint f;
  byte_stream literals;
  for (const op& o : network.ops) {
    f.operators.push_back(o.name + "@" + o.place);
    literals.put(static_cast<std::uint64_t>(o.arguments.size()));
    for (const op_argument& a : o.arguments) {
      literals.put(static_cast<std::uint8_t>(a.type));
      literals.put(static_cast<std::uint64_t>(a.values.size()));
      for (std::int32_t v : a.values) literals.put(v);  // the wiring
      put_numbers(literals, a.ints, a.literal);
      put_numbers(literals, a.floats, a.literal);
      literals.put_text(a.text);
    }
  }
  f.literals = literals.hash();
  for (const op_value& v : network.values) {
    if (v.kind != op_value::role::activation) f.parameters.push_back({v.name, v.shape, {}});
  }
  return f;
}

std::optional<std::string> first_difference(const network_fingerprint& here, const network_fingerprint& there,
                                            const std::string& there_is_called) {
  for (std::size_t i = 0; i < std::min(here.operators.size(), there.operators.size()); ++i) {
    if (here.operators[i] != there.operators[i]) {
      return text("operator ", i, ": ", here.operators[i], " here, ", there.operators[i], " in ", there_is_called);
    }
  }
  if (here.operators.size() != there.operators.size()) {
    return text(here.operators.size(), " operators here, ", there.operators.size(), " in ", there_is_called);
  }
  for (std::size_t i = 0; i < std::min(here.parameters.size(), there.parameters.size()); ++i) {
    if (auto difference = tensor_difference(here.parameters[i], there.parameters[i], there_is_called)) return difference;
  }
  if (here.parameters.size() != there.parameters.size()) {
    return text(here.parameters.size(), " parameters here, ", there.parameters.size(), " in ", there_is_called);
  }
  if (here.literals != there.literals)
    return text("the operators' constants or wiring: ", here.literals, " here, ", there.literals, " in ", there_is_called);
  return std::nullopt;
}

}  // namespace sirfp
