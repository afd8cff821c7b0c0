#include "control/timing.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace entropy::control {
namespace {

namespace asio = boost::asio;

class SystemTimer final : public Timer {
 public:
  SystemTimer(const asio::any_io_executor& executor, Duration after) : timer_(executor, after) {}
  asio::awaitable<void> wait() override {
    auto token = asio::as_tuple(asio::use_awaitable);
    co_await timer_.async_wait(token);
  }
  void cancel() override { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

}  // namespace

asio::awaitable<void> Timing::sleep(Duration duration) {
  const auto waiting = timer(duration);
  co_await waiting->wait();
}

std::unique_ptr<Timer> SystemTiming::timer(Duration after) { return std::make_unique<SystemTimer>(executor_, after); }

}  // namespace entropy::control
