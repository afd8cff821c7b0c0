#include "api/outbox.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace entropy::api {

bool Outbox::push(std::string_view piece) {
  if (closed_ || (!waiting_.empty() && waiting_.size() + piece.size() > limit_)) return false;
  waiting_ += piece;
  wake_.cancel();
  return true;
}

void Outbox::close() {
  closed_ = true;
  wake_.cancel();
}

boost::asio::awaitable<std::string> Outbox::take(std::chrono::milliseconds wait) {
  if (waiting_.empty() && !closed_) {
    boost::system::error_code woken;
    wake_.expires_after(wait);
    co_await wake_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  }
  co_return std::exchange(waiting_, {});
}

}  // namespace entropy::api
