// The clocks, behind interfaces so that tests own time. Microseconds.
#pragma once

#include <chrono>

#include "base/units.hpp"

namespace entropy {

// UTC: what schedules go by. May jump.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
};

// Since some instant of its own; never jumps: what leases and pauses between attempts go by.
class SteadyClock {
 public:
  virtual ~SteadyClock() = default;
  virtual Duration elapsed() const = 0;
};

class SystemSteadyClock final : public SteadyClock {
 public:
  Duration elapsed() const override {
    return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace entropy
