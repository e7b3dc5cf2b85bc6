// Eight pixels of a channel on their way from memory to registers. A row that does not begin on a boundary of 16 bytes is loaded as the
// words that cover the octet, which are shifted into place only when the values are wanted: a load that is waited for where it is issued
// hides nothing.
#pragma once

#include <cstdint>

#include "device/numbers.cuh"
#include "device/vectors.cuh"
#include "gram_task.cuh"

namespace sirfp {

constexpr int octet = 8;
using unit_words = device::vector_of<std::uint32_t, 4>;

// The eight values from the `phase`-th on of the sixteen in two units.
SIRFP_DEVICE unit_words values_from(const unit_words& first, const unit_words& second, int phase) {
  std::uint32_t pairs[8];
  SIRFP_UNROLL for (int i = 0; i < 4; ++i) pairs[i] = first[i], pairs[i + 4] = second[i];
  SIRFP_UNROLL for (int i = 0; i < 6; ++i) pairs[i] = (phase & 4) != 0 ? pairs[i + 2] : pairs[i];
  SIRFP_UNROLL for (int i = 0; i < 5; ++i) pairs[i] = (phase & 2) != 0 ? pairs[i + 1] : pairs[i];
  unit_words values;
  SIRFP_UNROLL for (int i = 0; i < 4; ++i) values[i] = device::funnel_shift(pairs[i], pairs[i + 1], (phase & 1) * 16);
  return values;
}

// Its own units of 16 bytes, and one more where they only cover it.
template <class Element>
struct loaded_octet {
  static constexpr int own = octet * sizeof(Element) / 16;
  unit_words unit[own + 1];
};

// Pixels from `first` on, a multiple of 8: are they loaded as covering words? These stay within the row.
template <class Element>
SIRFP_DEVICE bool is_covered(const gram_task<Element>& task, std::int32_t channel, std::int32_t first, std::int32_t end) {
  return task.covering_loads && channel < task.channels && first >= octet && first + 2 * octet <= task.pixels && first + octet <= end;
}
// Elements from a boundary of 16 bytes to the first of an octet of the channel.
template <class Element>
SIRFP_DEVICE int phase_of(const gram_task<Element>& task, std::int32_t image, std::int32_t channel) {
  const auto low = [](auto value) { return static_cast<std::uint32_t>(value); };
  const std::uint32_t from = low(reinterpret_cast<std::uintptr_t>(task.features.data) / sizeof(Element)) +
                             low(image) * low(task.features.image_stride) + low(channel) * low(task.features.channel_stride);
  return static_cast<int>(from % (16 / sizeof(Element)));
}

SIRFP_DEVICE std::uint32_t word_of(const float* values) { return device::float_to_bits(*values); }
template <class Half>
SIRFP_DEVICE std::uint32_t word_of(const Half* values) {
  return device::pack_pair(values[0], values[1]);
}

// Pixels from `first` to before `end`, zeros beyond and where there is no such channel.
template <class Element>
SIRFP_DEVICE loaded_octet<Element> load_octet(const gram_task<Element>& task, std::int32_t image, std::int32_t channel, std::int32_t first,
                                              std::int32_t end) {
  const std::int64_t offset = image * task.features.image_stride + channel * task.features.channel_stride;
  const bool covered = is_covered(task, channel, first, end);
  end = channel < task.channels ? end : 0;
  loaded_octet<Element> loaded;
  if (covered || (task.wide_loads && first + octet <= end)) {
    const Element* const from = task.features.data + offset + first - (covered ? phase_of(task, image, channel) : 0);
    SIRFP_UNROLL for (int u = 0; u < loaded.own; ++u) loaded.unit[u] =
        device::load_vector<4>(reinterpret_cast<const std::uint32_t*>(from) + 4 * u);
    if (covered) loaded.unit[loaded.own] = device::load_vector<4>(reinterpret_cast<const std::uint32_t*>(from) + 4 * loaded.own);
    return loaded;
  }
  // one division an octet: from the first pixel on by steps
  const auto width = static_cast<std::uint32_t>(task.row_pixels);
  const auto pixel = static_cast<std::uint32_t>(first);
  std::uint32_t column = pixel % width;
  const Element* from = task.features.data + offset + pixel / width * task.features.row_stride + column * task.pixel_stride;
  const std::int64_t to_next_row = task.features.row_stride - (task.row_pixels - 1) * task.pixel_stride;
  Element values[octet];
  SIRFP_UNROLL for (int k = 0; k < octet; ++k) {
    values[k] = first + k < end ? *from : Element{};
    from += ++column == width ? to_next_row : task.pixel_stride;
    if (column == width) column = 0;
  }
  constexpr int a_word = 4 / sizeof(Element);
  SIRFP_UNROLL for (int w = 0; w < octet / a_word; ++w) loaded.unit[w / 4][w % 4] = word_of(values + a_word * w);
  return loaded;
}

// The values of an octet that was loaded from covering words, `phase` elements into them (else 0).
template <class Half>
SIRFP_DEVICE device::vector_of<Half, octet> values_of(const loaded_octet<Half>& loaded, bool covered, int phase) {
  const unit_words words = covered ? values_from(loaded.unit[0], loaded.unit[1], phase) : loaded.unit[0];
  device::vector_of<Half, octet> values;
  SIRFP_UNROLL for (int k = 0; k < octet; ++k) values[k].bits = static_cast<std::uint16_t>(words[k / 2] >> 16 * (k % 2));
  return values;
}
SIRFP_DEVICE device::vector_of<float, octet> values_of(const loaded_octet<float>& loaded, bool covered, int phase) {
  std::uint32_t words[octet + 3];
  SIRFP_UNROLL for (int k = 0; k < octet; ++k) words[k] = loaded.unit[k / 4][k % 4];
  if (covered) {
    SIRFP_UNROLL for (int k = octet; k < octet + 3; ++k) words[k] = loaded.unit[k / 4][k % 4];
    SIRFP_UNROLL for (int k = 0; k < octet + 1; ++k) words[k] = (phase & 2) != 0 ? words[k + 2] : words[k];
    SIRFP_UNROLL for (int k = 0; k < octet; ++k) words[k] = (phase & 1) != 0 ? words[k + 1] : words[k];
  }
  device::vector_of<float, octet> values;
  SIRFP_UNROLL for (int k = 0; k < octet; ++k) values[k] = device::bits_to_float(words[k]);
  return values;
}

}  // namespace sirfp
