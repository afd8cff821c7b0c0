// The control plane's waiting, on virtual time.
#pragma once

#include <boost/asio.hpp>

#include "chaos/agenda.hpp"
#include "control/timing.hpp"

namespace entropy::chaos {

namespace asio = boost::asio;

// An asio timer that never ends by itself, but is cancelled at its virtual time: so the executor owns whoever waits.
class VirtualTimer final : public control::Timer {
 public:
  VirtualTimer(Agenda& agenda, const asio::any_io_executor& executor, Duration after)
      : agenda_(agenda), timer_(executor, asio::steady_timer::time_point::max()), entry_(agenda.after(after, [this] {
          over_ = true;
          timer_.cancel();
        })) {}
  ~VirtualTimer() override { agenda_.cancel(entry_); }
  VirtualTimer(const VirtualTimer&) = delete;
  VirtualTimer& operator=(const VirtualTimer&) = delete;

  asio::awaitable<void> wait() override {
    auto token = asio::as_tuple(asio::use_awaitable);
    if (!over_) co_await timer_.async_wait(token);
  }
  void cancel() override { timer_.cancel(); }

 private:
  Agenda& agenda_;
  asio::steady_timer timer_;
  bool over_ = false;
  Agenda::Entry entry_;
};

class VirtualTiming final : public control::Timing {
 public:
  VirtualTiming(Agenda& agenda, asio::any_io_executor executor) : agenda_(agenda), executor_(std::move(executor)) {}
  Duration elapsed() const override { return agenda_.elapsed(); }
  asio::any_io_executor executor() const override { return executor_; }
  std::unique_ptr<control::Timer> timer(Duration after) override {
    return std::make_unique<VirtualTimer>(agenda_, executor_, after);
  }

 private:
  Agenda& agenda_;
  asio::any_io_executor executor_;
};

}  // namespace entropy::chaos
