// Random numbers that are the same for a seed everywhere (SplitMix64, Steele, Lea, Flood 2014).
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"

namespace entropy::chaos {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 0x1234567) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 .. count - 1
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(next() % count); }
  bool chance(double probability) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability; }
  Duration between(Duration shortest, Duration longest) {
    return shortest +
           Duration(static_cast<Duration::rep>(next() % static_cast<std::uint64_t>((longest - shortest).count() + 1)));
  }
  template <class T>
  const T& one_of(const std::vector<T>& values) {
    return values[below(values.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace entropy::chaos
