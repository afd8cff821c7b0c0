// Waiting in a coroutine until somebody says that something changed.
#pragma once

#include <list>
#include <utility>

#include "control/timing.hpp"

namespace entropy::control {

// One thread. Every waiter wakes at `notify`, or when its time is over.
class Signal {
 public:
  explicit Signal(Timing& timing) : timing_(timing) {}

  void notify() {
    pending_ = true;
    for (auto* timer : waiters_) timer->cancel();
  }

  // Returns at once if there was a notification since the last `wait` returned; for the one owner of the signal.
  // Whether there was one.
  boost::asio::awaitable<bool> wait(Duration longest) {
    if (!pending_) co_await sleep(longest);
    co_return std::exchange(pending_, false);
  }

  // Until the next notification.
  boost::asio::awaitable<void> wait_next(Duration longest) { co_await sleep(longest); }

 private:
  boost::asio::awaitable<void> sleep(Duration longest) {
    const auto timer = timing_.timer(longest);
    const auto place = waiters_.insert(waiters_.end(), timer.get());
    co_await timer->wait();
    waiters_.erase(place);
  }

  Timing& timing_;
  std::list<Timer*> waiters_;
  bool pending_ = false;
};

}  // namespace entropy::control
