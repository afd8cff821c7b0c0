// Waiting, and the time that it goes by: behind an interface so that a test owns both.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "base/clock.hpp"

namespace entropy::control {

// For one waiter at a time.
class Timer {
 public:
  virtual ~Timer() = default;
  // Until the timer's time or `cancel`, whichever comes first.
  virtual boost::asio::awaitable<void> wait() = 0;
  virtual void cancel() = 0;
};

// One thread: the executor's. Must outlive its timers.
class Timing : public SteadyClock {
 public:
  virtual boost::asio::any_io_executor executor() const = 0;
  virtual std::unique_ptr<Timer> timer(Duration after) = 0;

  boost::asio::awaitable<void> sleep(Duration duration);
};

class SystemTiming final : public Timing {
 public:
  explicit SystemTiming(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Duration elapsed() const override { return SystemSteadyClock().elapsed(); }
  boost::asio::any_io_executor executor() const override { return executor_; }
  std::unique_ptr<Timer> timer(Duration after) override;

 private:
  boost::asio::any_io_executor executor_;
};

}  // namespace entropy::control
