#include "sirfp/compensation.hpp"

#include "reference_backend.hpp"

namespace sirfp {
namespace {

class host_prediction final : public resident_prediction {
 public:
  explicit host_prediction(site_prediction prediction)
      : prediction_(std::move(prediction)), inputs_(static_cast<std::int64_t>(prediction_.kept.size() + prediction_.removed.size())) {}
  std::vector<double> fold_sync(std::span<double> weight, std::int64_t outputs, std::int64_t taps) const override {
    return fold_prediction(prediction_, weight, outputs, inputs_, taps);
  }

 private:
  site_prediction prediction_;
  std::int64_t inputs_;
};

}  // namespace

std::unique_ptr<const resident_prediction> reference_backend::predict_sync(const context&, const moments_state& site,
                                                                           std::span<const std::uint8_t> kept_position, compensation how,
                                                                           double lambda) const {
  return std::make_unique<host_prediction>(predict_removed(moments_sync(site), kept_position, how, lambda));
}

}  // namespace sirfp
