#include "sirfp/compensation.hpp"

#include "../entry/checks.hpp"
#include "reference_backend.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

class host_prediction final : public resident_prediction {
 public:
  explicit host_prediction(site_prediction prediction)
      : prediction_(std::move(prediction)), inputs_(static_cast<std::int64_t>(prediction_.kept.size() + prediction_.removed.size())) {}
  std::vector<double> fold_sync(std::span<double> weight, std::int64_t outputs, std::int64_t taps) const override {
    return fold_prediction(prediction_, weight, outputs, inputs_, taps);
  }
  std::vector<double> explained_sync(const moments_state& site) const override {
    SIRFP_EXPECTS(site.channels == inputs_, "moments of ", site.channels, " channels for a prediction of ", inputs_);
    entry::check_space("moments", site.scatter.space(), memory_space::host);
    const double weight = weight_sync(site);
    const double scale = weight > 0 ? 1 / weight : 0;
    std::vector<double> explained;
    for (std::size_t r = 0; r < prediction_.removed.size(); ++r) {
      const std::span<const double> row = row_of(static_cast<std::int64_t>(r));
      double sum = 0;
      for (std::size_t k = 0; k < row.size(); ++k)
        sum += row[k] * (site.scatter.data()[packed_index(prediction_.removed[r], prediction_.kept[k])] * scale);
      explained.push_back(sum);
    }
    return explained;
  }
  std::vector<double> row_sync(std::int64_t removed) const override {
    const auto rows = static_cast<std::int64_t>(prediction_.removed.size());
    SIRFP_EXPECTS(removed >= 0 && removed < rows, "row ", removed, " of a prediction of ", rows, " channels");
    const std::span<const double> row = row_of(removed);
    return {row.begin(), row.end()};
  }

 private:
  std::span<const double> row_of(std::int64_t removed) const {
    const std::size_t kept = prediction_.kept.size();
    return std::span(prediction_.matrix).subspan(static_cast<std::size_t>(removed) * kept, kept);
  }

  site_prediction prediction_;
  std::int64_t inputs_;
};

}  // namespace

void reference_backend::scatter_diagonal(const context&, const moments_state& site, buffer& diagonal) const {
  for (std::int64_t i = 0; i < site.channels; ++i) diagonal.data()[i] = site.scatter.data()[packed_index(i, i)];
}

std::unique_ptr<const resident_prediction> reference_backend::predict_sync(const context&, const moments_state& site,
                                                                           std::span<const std::uint8_t> kept_position, compensation how,
                                                                           double lambda) const {
  return std::make_unique<host_prediction>(predict_removed(moments_sync(site), kept_position, how, lambda));
}

}  // namespace sirfp
