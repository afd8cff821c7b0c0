// A portable hash for decisions that must be the same on every machine and in every version.
//
// FNV-1a, 64 bit (draft-eastlake-fnv-17), over the bytes fed in, finished by the mix of SplitMix64 (Steele, Lea, Flood
// 2014), whose output is uniform enough that its upper 53 bits make a number in [0, 1).
#pragma once

#include <cstdint>
#include <string_view>

namespace entropy {

class Hash {
 public:
  // The length goes in too, so that ("ab", "c") and ("a", "bc") differ.
  Hash& text(std::string_view bytes) {
    number(bytes.size());
    for (const char c : bytes) byte(static_cast<unsigned char>(c));
    return *this;
  }
  // Eight bytes, least significant first.
  Hash& number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) byte(static_cast<unsigned char>(value >> shift));
    return *this;
  }
  std::uint64_t value() const {
    std::uint64_t z = state_ + 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // In [0, 1).
  double unit() const { return static_cast<double>(value() >> 11) * 0x1.0p-53; }

 private:
  void byte(unsigned char b) { state_ = (state_ ^ b) * 0x100000001b3; }
  std::uint64_t state_ = 0xcbf29ce484222325;
};

}  // namespace entropy
