// A network's fingerprint in JSON, the same in plans and states.
#pragma once

#include "json_field.hpp"
#include "sirfp/fingerprint.hpp"

namespace sirfp {

json_value fingerprint_to_json(const network_fingerprint& network);
network_fingerprint fingerprint_from_json(const json_field& field);

}  // namespace sirfp
