// What calibration leaves behind: everything that planning and compensation need, and no feature map. Saved as one safetensors file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "sirfp/context.hpp"
#include "sirfp/edge_score.hpp"
#include "sirfp/fingerprint.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/sensitivity.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp {

struct calibration_state {
  network_fingerprint network;
  std::string options;                             // JSON text of the observe and image options; states with other options do not merge
  std::vector<std::string> images;                 // names, in the order they were counted
  std::vector<std::string> pending;                // names still to be counted; empty once complete
  std::map<std::string, similarity_state> layers;  // by observed_layer::name
  std::map<std::string, edge_state> edges;         // by observed_layer::name; may be empty
  std::map<std::string, moments_state> sites;      // by consumer_site::name
  std::map<std::string, sensitivity_record> sensitivity;  // by criterion; empty until measured
};

// File layout (docs/numerics.md): F64 tensors "similarity/<layer>/matrix" [C(C+1)/2], "edge/<layer>/sum" [C], "moments/<site>/mean" [C],
// "moments/<site>/scatter" [C(C+1)/2]; all else as JSON text in the metadata. Written to a temporary file, then renamed.
void save_state(const std::filesystem::path& path, const calibration_state& state);
// Throws invalid_argument with the path: no such file, not safetensors, truncated, another kind, a newer version, inconsistent shapes.
calibration_state load_state(const context& ctx, const std::filesystem::path& path);
// As if `other`'s images had been counted after `state`'s; an image pending in one and counted in the other is pending no more.
// Throws invalid_argument, with `state` as it was: another network (first difference), other options (compared as JSON), EMA states, an
// image that both have counted (names it), a layer or site that one lacks. Sensitivities belong to the orders of one state: where they
// differ, the merged state has none.
void merge(const context& ctx, calibration_state& state, const calibration_state& other);

}  // namespace sirfp
