#include "fingerprint_json.hpp"

namespace sirfp {

json_value fingerprint_to_json(const network_fingerprint& network) {
  json_value parameters = json_value::array();
  for (const auto& tensor : network.parameters)
    parameters.push_back({{"name", tensor.name}, {"shape", tensor.shape}, {"hash", tensor.hash}});
  return {{"operators", network.operators}, {"literals", network.literals}, {"parameters", std::move(parameters)}};
}

network_fingerprint fingerprint_from_json(const json_field& field) {
  field.expect_only({"operators", "literals", "parameters"});
  network_fingerprint network{field.at("operators").strings(), field.at("literals").string(), {}};
  const json_field parameters = field.at("parameters");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const json_field tensor = parameters.at(i);
    tensor.expect_only({"name", "shape", "hash"});
    network.parameters.push_back({tensor.at("name").string(), tensor.at("shape").integers(), tensor.at("hash").string()});
  }
  return network;
}

}  // namespace sirfp
