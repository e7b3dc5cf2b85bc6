// Merging of states; cheap enough that the cpu backend uses it too.
#include "reference_backend.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {

void reference_backend::combine(const context&, buffer& into, double scale_into, const buffer& from, double scale_from) const {
  double* a = into.data();
  const double* b = from.data();
  for (std::int64_t i = 0; i < into.size(); ++i) a[i] = scale_into * a[i] + scale_from * b[i];
}

void reference_backend::merge_moments(const context&, moments_state& into, const moments_state& from) const {
  const double total = into.host_weight + from.host_weight;
  const double share = total > 0 ? from.host_weight / total : 0;  // of the part that is added
  const double cross = into.host_weight * share;                  // n_a n_b / (n_a + n_b)
  double* mean = into.mean.data();
  const double* other = from.mean.data();
  double* scatter = into.scatter.data();
  const double* added = from.scatter.data();
  for (std::int64_t i = 0, at = 0; i < into.channels; ++i)
    for (std::int64_t j = 0; j <= i; ++j, ++at) scatter[at] += added[at] + cross * ((other[i] - mean[i]) * (other[j] - mean[j]));
  for (std::int64_t i = 0; i < into.channels; ++i) mean[i] += share * (other[i] - mean[i]);
  into.host_weight = total;
  into.images += from.images;
}

}  // namespace sirfp
