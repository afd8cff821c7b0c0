#include "api/outbox.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace entropy::api {
namespace {

// A piece takes memory though it be a byte long.
std::size_t cost_of(const Piece& piece) { return piece->size() + 64; }

}  // namespace

bool Outbox::push(Piece piece) {
  if (closed_ || (!waiting_.empty() && cost_ + cost_of(piece) > limit_)) return false;
  cost_ += cost_of(piece);
  waiting_.push_back(std::move(piece));
  wake_.cancel();
  return true;
}

void Outbox::close() {
  closed_ = true;
  wake_.cancel();
}

boost::asio::awaitable<Piece> Outbox::take(std::chrono::milliseconds wait) {
  constexpr std::size_t small = 16 * 1024;
  if (waiting_.empty() && !closed_) {
    boost::system::error_code woken;
    wake_.expires_after(wait);
    co_await wake_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  }
  if (waiting_.empty()) co_return nullptr;
  const auto next = [this] {
    Piece piece = std::move(waiting_.front());
    waiting_.pop_front();
    cost_ -= cost_of(piece);
    return piece;
  };
  const auto fits = [&](std::size_t size) { return !waiting_.empty() && size + waiting_.front()->size() <= small; };
  Piece first = next();
  if (!fits(first->size())) co_return first;
  std::string together = *first;
  while (fits(together.size())) together += *next();
  co_return std::make_shared<const std::string>(std::move(together));
}

}  // namespace entropy::api
