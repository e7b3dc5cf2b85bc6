// Sites that share a launch. They are a kernel's parameter, so that nothing has to be copied to the device before it.
#pragma once

#include <cstdint>

#include "also_device.hpp"
#include "gram_tuning.hpp"

namespace sirfp {

// What a launch has to do (units, warps or blocks) is numbered through its sites, of which there are sites_at_once at most.
template <class Site>
struct site_row {
  Site site[gram_tuning::sites_at_once];
  std::int64_t end[gram_tuning::sites_at_once];  // of each site's numbers
  std::int32_t count = 0;

  void add(const Site& added, std::int64_t work) {
    site[count] = added;
    end[count] = begin(count) + work;
    ++count;
  }
  SIRFP_ALSO_DEVICE std::int64_t work() const { return begin(count); }

  // Whose number it is, and which of the site's own.
  struct place {
    const Site& site;
    std::int64_t number;
  };
  SIRFP_ALSO_DEVICE place locate(std::int64_t number) const {
    std::int32_t which = 0;
    while (number >= end[which]) ++which;
    return {site[which], number - begin(which)};
  }

 private:
  SIRFP_ALSO_DEVICE std::int64_t begin(std::int32_t which) const { return which == 0 ? 0 : end[which - 1]; }
};
template <class Site>
constexpr bool fits_parameters = sizeof(site_row<Site>) <= 4096 - 64;  // of a kernel, on every GPU and driver

}  // namespace sirfp
