// Memory that shows misuse: fresh bytes are NaN or 0xA5, zones on both sides are poisoned for AddressSanitizer and hold a pattern that is
// looked at without it.
#pragma once

#include <cstddef>

namespace sirfp::emulator {

class guarded_memory {
 public:
  guarded_memory() = default;
  guarded_memory(std::size_t bytes, unsigned char poison);
  guarded_memory(guarded_memory&& other) noexcept;
  guarded_memory& operator=(guarded_memory&& other) noexcept;
  ~guarded_memory();

  unsigned char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  void fill(unsigned char poison) noexcept;
  bool intact() const noexcept;  // nobody wrote into the zones

  // 256-byte aligned, as device memory is.
  static constexpr std::size_t zone_bytes = 256;

 private:
  unsigned char* base_ = nullptr;
  unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
  unsigned zone_word_ = 0;
};

// NaN in every floating-point type, or a pattern that is no small integer either: by turns.
unsigned char next_poison();

}  // namespace sirfp::emulator
