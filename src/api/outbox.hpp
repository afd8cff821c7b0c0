// What is to be written to a slow peer: filled by someone who can't wait, emptied by a coroutine that does.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

namespace entropy::api {

// Shared by the outboxes of all who are to get it: a thousand peers that lag behind must not need a thousand copies.
using Piece = std::shared_ptr<const std::string>;

class Outbox {
 public:
  // At most `limit` bytes wait in it; a larger piece goes into an empty one.
  Outbox(const boost::asio::any_io_executor& executor, std::size_t limit) : wake_(executor), limit_(limit) {}

  // False if it is full or closed; the piece is dropped then.
  bool push(Piece piece);
  bool push(std::string_view piece) { return push(std::make_shared<const std::string>(piece)); }
  // What is in it is still taken out.
  void close();
  bool closed() const { return closed_; }

  // The next piece, or the next small ones as one; none after `wait` without anything, or when closed and empty.
  boost::asio::awaitable<Piece> take(std::chrono::milliseconds wait);

 private:
  boost::asio::steady_timer wake_;
  std::size_t limit_;
  std::deque<Piece> waiting_;
  std::size_t cost_ = 0;  // of what waits, in bytes
  bool closed_ = false;
};

}  // namespace entropy::api
