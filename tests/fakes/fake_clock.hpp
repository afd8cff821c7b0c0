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

// The system's, and what it was set to be ahead of it.
class JumpingClock final : public Clock {
 public:
  Time now() const override { return SystemClock().now() + ahead_; }
  void jump(Duration by) { ahead_ += by; }

 private:
  Duration ahead_{0};
};

class FakeSteadyClock final : public SteadyClock {
 public:
  Duration elapsed() const override { return elapsed_; }
  void advance(Duration by) { elapsed_ += by; }

 private:
  Duration elapsed_ = std::chrono::hours(1);
};

}  // namespace entropy::fakes
