#include "sirfp/expects.hpp"

namespace sirfp {

non_finite_error::non_finite_error(long long image, long long channel_index)
    : failure(text("feature map holds a NaN or an infinity: image ", image, " of the batch, channel ", channel_index)),
      image_in_batch(image),
      channel(channel_index) {}

}  // namespace sirfp
