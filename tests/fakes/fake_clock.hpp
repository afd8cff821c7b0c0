// Time that stands still until a test moves it.
#pragma once

#include "base/clock.hpp"

namespace entropy::fakes {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(Time now) : now_(now) {}
  Time now() const override { return now_; }
  void set(Time now) { now_ = now; }
  void advance(Duration by) { now_ += by; }

 private:
  Time now_;
};

class FakeSteadyClock final : public SteadyClock {
 public:
  Duration elapsed() const override { return elapsed_; }
  void advance(Duration by) { elapsed_ += by; }

 private:
  Duration elapsed_ = std::chrono::hours(1);
};

}  // namespace entropy::fakes
