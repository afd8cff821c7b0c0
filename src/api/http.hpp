// Requests and answers as plain values: what the handlers see. Only session.cpp knows Beast.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/url.hpp"

namespace entropy::api {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Who is at the other end of a connection.
struct Peer {
  std::string address;      // "127.0.0.1:40312", or the user and process at a Unix socket
  std::string certificate;  // the common name that TLS has verified; empty without
  bool over_unix_socket = false;
};

struct Request {
  std::string method;
  std::string target;  // as sent: path and query
  Headers headers;
  std::string body;
  Peer peer = {};

  // The first header of that name in any case; empty if there is none.
  std::string_view header(std::string_view name) const;
};

// The body of an answer that goes on. One thread, the server's.
class Stream {
 public:
  virtual ~Stream() = default;
  // Waits until the bytes are handed to the kernel; false once the peer is gone, too slow, or the server stops. They
  // live until then.
  virtual boost::asio::awaitable<bool> write(std::string_view bytes) = 0;
  // Called once, when `write` begins to answer false; at once if it does already.
  virtual void on_gone(std::function<void()> callback) = 0;
  // Cuts the connection.
  virtual void abort() = 0;
};

struct Response {
  unsigned status = 200;
  std::string content_type;  // none: no body
  std::string body;
  Headers headers = {};
  // Instead of `body`; the connection closes when the coroutine ends.
  std::function<boost::asio::awaitable<void>(std::shared_ptr<Stream>)> stream = {};
};

// Never throws.
using Handle = std::function<boost::asio::awaitable<Response>(Request)>;

std::string_view reason_phrase(unsigned status);

}  // namespace entropy::api
