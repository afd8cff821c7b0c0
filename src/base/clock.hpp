// The wall clock, behind an interface so that tests own time. UTC, microseconds.
#pragma once

#include <chrono>

#include "base/units.hpp"

namespace entropy {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
};

}  // namespace entropy
