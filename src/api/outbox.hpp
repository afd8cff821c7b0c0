// What is to be written to a slow peer: filled by someone who can't wait, emptied by a coroutine that does.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <string>

namespace entropy::api {

class Outbox {
 public:
  // At most `limit` bytes wait in it; a larger piece goes into an empty one.
  Outbox(const boost::asio::any_io_executor& executor, std::size_t limit) : wake_(executor), limit_(limit) {}

  // False if it is full or closed; the piece is dropped then.
  bool push(std::string_view piece);
  // What is in it is still taken out.
  void close();
  bool closed() const { return closed_; }

  // Everything that waits, in one text; empty after `wait` without anything, or when closed and empty.
  boost::asio::awaitable<std::string> take(std::chrono::milliseconds wait);

 private:
  boost::asio::steady_timer wake_;
  std::size_t limit_;
  std::string waiting_;
  bool closed_ = false;
};

}  // namespace entropy::api
