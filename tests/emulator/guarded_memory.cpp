#include "guarded_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "sanitizer.hpp"

namespace sirfp::emulator {
namespace {

// A read beyond the end is a NaN in every type, and another one for each allocation: arithmetic keeps a NaN's payload, so that a copy from
// one zone into another would not show else.
unsigned next_zone_word() {
  static unsigned made = 0;
  return 0xfff0U | (made++ & 0xfU);
}

unsigned char zone_byte(unsigned word, const unsigned char* at) {
  return static_cast<unsigned char>(reinterpret_cast<std::uintptr_t>(at) % 2 == 0 ? word : word >> 8);
}

std::size_t padded(std::size_t bytes) {
  constexpr std::size_t alignment = guarded_memory::zone_bytes;
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace

guarded_memory::guarded_memory(std::size_t bytes, unsigned char poison) : size_(bytes) {
  const std::size_t whole = padded(bytes) + 2 * zone_bytes;
  base_ = static_cast<unsigned char*>(std::aligned_alloc(zone_bytes, whole));
  if (base_ == nullptr) throw std::bad_alloc();
  data_ = base_ + zone_bytes;
  zone_word_ = next_zone_word();
  for (std::size_t k = 0; k < whole; ++k) base_[k] = zone_byte(zone_word_, base_ + k);
  SIRFP_POISON(base_, zone_bytes);
  SIRFP_POISON(data_ + size_, whole - zone_bytes - size_);
  fill(poison);
}

guarded_memory::guarded_memory(guarded_memory&& other) noexcept { *this = std::move(other); }

guarded_memory& guarded_memory::operator=(guarded_memory&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(zone_word_, other.zone_word_);
  return *this;
}

guarded_memory::~guarded_memory() {
  if (base_ == nullptr) return;
  SIRFP_UNPOISON(base_, padded(size_) + 2 * zone_bytes);
  std::free(base_);
}

void guarded_memory::fill(unsigned char poison) noexcept {
  if (size_ != 0) std::memset(data_, poison, size_);
}

bool guarded_memory::intact() const noexcept {
#ifdef SIRFP_ADDRESS_SANITIZER
  return true;  // the write itself was reported
#else
  const auto kept = [this](const unsigned char& byte) { return byte == zone_byte(zone_word_, &byte); };
  return base_ == nullptr || (std::all_of(base_, data_, kept) && std::all_of(data_ + size_, data_ + padded(size_) + zone_bytes, kept));
#endif
}

unsigned char next_poison() {
  static bool odd = false;
  odd = !odd;
  return odd ? 0xff : 0xa5;
}

}  // namespace sirfp::emulator
