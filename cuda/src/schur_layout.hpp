// Which rows of which sites a joint elimination on the device keeps up to date, and where every channel stands in them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "schur_job.hpp"
#include "schur_scale.hpp"
#include "sirfp/schur_elimination.hpp"

namespace sirfp {

// A site that varies. (In the others nothing costs anything.)
struct schur_site_layout {
  std::size_t index = 0;  // in the caller's list
  schur_scale scale;
  std::vector<std::int32_t> position;  // of each row
  std::int32_t first_channel = 0;
  std::vector<std::int32_t> place_of;  // of the channels from there on, -1: none
  std::int64_t capacity = 0;           // columns of its panel
};

struct schur_layout {
  std::vector<schur_site_layout> sites;
  std::vector<std::int32_t> first_place;  // [channels + 1]
  std::vector<schur_place> places;
  std::vector<schur_reach> reach;   // [channels]
  std::vector<std::uint32_t> gone;  // [channels], 1: can never go
  std::vector<schur_turn> turns;
  std::int64_t block_doubles = 0;
  std::int32_t lanes = 1;
};

// `variances`: of every site, the diagonal of its covariance.
schur_layout lay_out_schur(std::int64_t channels, std::span<const schur_site> sites, std::span<const std::vector<double>> variances,
                           const schur_options& options);

}  // namespace sirfp
