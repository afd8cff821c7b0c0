// Waiting in a coroutine until somebody says that something changed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <list>

#include "base/units.hpp"

namespace entropy::control {

// One thread. Every waiter wakes at `notify`, or when its time is over.
class Signal {
 public:
  explicit Signal(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  void notify() {
    pending_ = true;
    for (auto* timer : waiters_) timer->cancel();
  }

  // Returns at once if there was a notification since the last `wait` returned; for the one owner of the signal.
  boost::asio::awaitable<void> wait(Duration longest) {
    if (!pending_) co_await sleep(longest);
    pending_ = false;
  }

  // Until the next notification.
  boost::asio::awaitable<void> wait_next(Duration longest) { co_await sleep(longest); }

 private:
  boost::asio::awaitable<void> sleep(Duration longest) {
    boost::asio::steady_timer timer(executor_, longest);
    const auto place = waiters_.insert(waiters_.end(), &timer);
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    co_await timer.async_wait(token);
    waiters_.erase(place);
  }

  boost::asio::any_io_executor executor_;
  std::list<boost::asio::steady_timer*> waiters_;
  bool pending_ = false;
};

}  // namespace entropy::control
