// The identity of a network: its operators, literals and parameters, whatever the input size. Plans and states carry it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sirfp {

struct op_list;

struct network_fingerprint {
  struct tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    std::string hash;  // 16 hexadecimal digits of the values' bytes; empty: not hashed
    bool operator==(const tensor&) const = default;
  };
  std::vector<std::string> operators;  // "name@place", in execution order
  std::string literals;                // hash of all literal arguments and of what reads what
  std::vector<tensor> parameters;
  bool operator==(const network_fingerprint&) const = default;
};

// FNV-1a, 64 bit, in hexadecimal.
std::string hash_bytes(const void* data, std::size_t bytes);

// Everything but the parameters' hashes, which the front end fills in (it owns the values).
network_fingerprint fingerprint_of(const op_list& network);

// The first difference in words ("parameter head.weight: shape [11, 64, 1, 1] here, [11, 128, 1, 1] in the plan"), or nothing.
std::optional<std::string> first_difference(const network_fingerprint& here, const network_fingerprint& there,
                                            const std::string& there_is_called);

}  // namespace sirfp
