// Computes          norms, means and the weighted Gram matrix of a batch, scaled per image (similarity) or centred (moments)
// Tile              sums: a block of 128 threads a channel. Gram: a block of 256 threads 32 x 32 channel pairs of the lower triangle,
//                   2 x 2 a thread, 32 pixels staged at a time
// Shared/registers  sums 8 bytes a warp; Gram 16.5 KiB
// Traffic           the map is read once for the sums and once for every row and column of tiles: about C / 32 times. No more than correct
// Accumulates in    fp64 from the first product on, so that no finite input leaves the range
// Order             pixels, then images ascending: the same bits on every GPU
// Needs             any strides
// Measured          not yet measured
#include "channel_sums.cuh"
#include "device/launch.cuh"
#include "device_array.hpp"
#include "gram_plain.hpp"

namespace sirfp {
namespace {

constexpr int sum_threads = 128;
constexpr int side = 32;
constexpr int gram_threads = 256;
constexpr int chunk = 32;  // pixels
constexpr int pitch = side + 1;
constexpr std::size_t gram_shared_bytes = 2 * std::size_t{chunk} * pitch * sizeof(double);

template <class Element>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(sum_threads)
    norms_kernel(feature_reader<Element> features, weight_reader weights, std::int64_t channels, double epsilon, double* notes,
                 std::int64_t images_before, double* inverse_norms) {
  const std::int64_t n = device::block_index() / channels;
  const std::int64_t c = device::block_index() % channels;
  const double norm = block_sum(sums_of(features, weights, n, c, 0, features.height * features.width, notes, images_before).magnitude);
  if (device::thread_index() == 0) inverse_norms[device::block_index()] = 1 / (norm + epsilon);
}

template <class Element>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(sum_threads) means_kernel(feature_reader<Element> features, weight_reader weights, std::int64_t images,
                                                           double* notes, std::int64_t images_before, double* mean) {
  const std::int64_t c = device::block_index();
  double weight = 0;
  double value = 0;
  for (std::int64_t n = 0; n < images; ++n) {
    const channel_sums sums = sums_of(features, weights, n, c, 0, features.height * features.width, notes, images_before);
    weight += block_sum(sums.weight);
    value += block_sum(sums.value);
  }
  if (device::thread_index() != 0) return;
  mean[c] = weight > 0 ? value / weight : 0;
  if (c == 0) notes[device_notes::weight] = weight;
}

// What a staged value is taken about, and what a sum is multiplied by.
struct centring {
  const double* mean;
  SIRFP_DEVICE double about(std::int64_t c) const { return mean[c]; }
  SIRFP_DEVICE double scaled(double sum, std::int64_t, std::int64_t, std::int64_t) const { return sum; }
};
struct scaling {
  const double* inverse_norms;
  std::int64_t channels;
  SIRFP_DEVICE double about(std::int64_t) const { return 0; }
  SIRFP_DEVICE double scaled(double sum, std::int64_t n, std::int64_t i, std::int64_t j) const {
    return sum * (inverse_norms[n * channels + i] * inverse_norms[n * channels + j]);
  }
};

// `chunk` pixels of `side` channels from `first` on, zeros beyond the ends; weighted on one of the two sides.
template <class Element, class Dress>
SIRFP_DEVICE void stage(const feature_reader<Element>& features, const weight_reader* weights, const Dress& dress, std::int64_t n,
                        std::int64_t first, std::int64_t channels, std::int64_t pixel, double* to) {
  const std::int64_t pixels = features.height * features.width;
  for (int k = device::thread_index(); k < chunk * side; k += gram_threads) {
    const int p = k % chunk;
    const int c = k / chunk;
    double value = 0;
    if (first + c < channels && pixel + p < pixels) {
      value = static_cast<double>(features.at(n, first + c, pixel + p)) - dress.about(first + c);
      if (weights != nullptr) value *= weights->at(n, pixel + p);
    }
    to[p * pitch + c] = value;
  }
}

struct pair_sums {
  double s[2][2] = {};
  SIRFP_DEVICE void add(const double* rows, const double* columns, int row, int column) {
    for (int p = 0; p < chunk; ++p)
      for (int a = 0; a < 2; ++a)
        for (int b = 0; b < 2; ++b) s[a][b] += rows[p * pitch + row + 16 * a] * columns[p * pitch + column + 16 * b];
  }
};

// One image's sums of the tile at (i, j).
template <class Element, class Dress>
SIRFP_DEVICE pair_sums sums_of_tile(const feature_reader<Element>& features, const weight_reader& weights, const Dress& dress,
                                    std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t channels) {
  auto* const rows = device::shared_array<double>();
  double* const columns = rows + chunk * pitch;
  pair_sums sums;
  for (std::int64_t pixel = 0; pixel < features.height * features.width; pixel += chunk) {
    stage(features, &weights, dress, n, i, channels, pixel, rows);
    stage(features, static_cast<const weight_reader*>(nullptr), dress, n, j, channels, pixel, columns);
    device::block_barrier();
    sums.add(rows, columns, device::thread_index() / 16, device::thread_index() % 16);
    device::block_barrier();
  }
  return sums;
}

template <class Element, class Dress>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(gram_threads, 2) gram_kernel(feature_reader<Element> features, weight_reader weights, Dress dress,
                                                              std::int64_t images, std::int64_t channels, double* matrix) {
  const std::int64_t tiles = (channels + side - 1) / side;
  const std::int64_t i = device::block_index() / tiles * side;
  const std::int64_t j = device::block_index() % tiles * side;
  if (j > i) return;
  for (std::int64_t n = 0; n < images; ++n) {
    const pair_sums sums = sums_of_tile(features, weights, dress, n, i, j, channels);
    for (int a = 0; a < 2; ++a)
      for (int b = 0; b < 2; ++b) {
        const std::int64_t row = i + device::thread_index() / 16 + 16 * a;
        const std::int64_t column = j + device::thread_index() % 16 + 16 * b;
        if (row >= channels || column > row) continue;
        double& to = matrix[row * (row + 1) / 2 + column];
        to = device::add_rounded(to, dress.scaled(sums.s[a][b], n, row, column));  // the same bits into a state and into a batch of its own
      }
  }
}

template <class Dress>
void launch_gram(const feature_view& features, const pixel_weights& weights, const Dress& dress, double* matrix, void* stream) {
  const std::int64_t tiles = (features.channels + side - 1) / side;
  with_reader(features, [&]<class Element>(const feature_reader<Element>& reader) {
    device::launch({"gram_plain", tiles * tiles, gram_threads, gram_shared_bytes}, stream, gram_kernel<Element, Dress>, reader,
                   weight_reader{weights.data, weights.image_stride}, dress, features.images, features.channels, matrix);
  });
}

void launch_norms(const feature_view& features, const pixel_weights& weights, double epsilon, const gram_target& target,
                  double* inverse_norms, void* stream) {
  with_reader(features, [&]<class Element>(const feature_reader<Element>& reader) {
    device::launch({"norms_plain", features.images * features.channels, sum_threads, sum_threads / 32 * sizeof(double)}, stream,
                   norms_kernel<Element>, reader, weight_reader{weights.data, weights.image_stride}, features.channels, epsilon,
                   target.notes, target.images_before, inverse_norms);
  });
}

// mean[c] = sum w x / sum w over the batch (0 where the weight is 0), and the weight into the notes; notes bad features and weights.
void launch_means(const feature_view& features, const pixel_weights& weights, const gram_target& target, double* mean, void* stream) {
  with_reader(features, [&]<class Element>(const feature_reader<Element>& reader) {
    device::launch({"means_plain", features.channels, sum_threads, sum_threads / 32 * sizeof(double)}, stream, means_kernel<Element>,
                   reader, weight_reader{weights.data, weights.image_stride}, features.images, target.notes, target.images_before, mean);
  });
}

}  // namespace

void form_plain_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, void* stream) {
  if (target.mean != nullptr) {
    launch_means(features, weights, target, target.mean, stream);
    launch_gram(features, weights, centring{target.mean}, target.matrix, stream);
    return;
  }
  const device_array<double> norms(features.images * features.channels, stream);
  launch_norms(features, weights, target.epsilon, target, norms.data(), stream);
  launch_gram(features, weights, scaling{norms.data(), features.channels}, target.matrix, stream);
}

}  // namespace sirfp
