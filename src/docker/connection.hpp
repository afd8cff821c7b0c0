// One connection to an engine: one request, its answer, and for a hijacked one the raw bytes that follow.
//
// Held by shared_ptr; whoever runs one of its coroutines holds it. Of reading and writing one each may run at a time.
// Every wait ends when the deadline does (ErrorCode::timeout) or at `close` (ErrorCode::unavailable).
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <memory>
#include <optional>
#include <string>

#include "docker/engine.hpp"
#include "net/socket.hpp"

namespace entropy::docker {

struct Request {
  std::string method = "GET";
  std::string target;  // encoded, without the version
  std::string body;
  std::string content_type;
  bool upgrade = false;  // asks for the raw stream of an attach
};

// The header of an answer, what of it matters here.
struct Head {
  unsigned status = 0;
  std::string content_type;
  std::string api_version;
};

class Connection {
 public:
  // `tls`: none for a plain connection.
  Connection(asio::any_io_executor executor, Address address, net::TlsContext tls);

  // The deadline of everything from now on; it replaces the one before.
  void expires_after(Duration limit);
  void never_expires() { socket_->never_expires(); }
  void close() { socket_->close(); }

  Task<> open();
  // Sends the request and reads the header of the answer.
  Task<Head> exchange(Request request);
  // All that is left of the answer's body; ErrorCode::protocol above 64 MiB.
  Task<std::string> read_body();
  // The next bytes of a body that grows; empty at its end.
  Task<std::string> read_some();
  // The next bytes after the header of an upgraded connection; empty at their end.
  Task<std::string> read_raw();
  Task<> write(std::string bytes);

 private:
  using Parser = boost::beast::http::response_parser<boost::beast::http::buffer_body>;

  std::string head_of(const Request& request) const;
  asio::awaitable<boost::system::error_code> connect();
  // One step of the parser: takes what is there, or waits for more bytes.
  asio::awaitable<boost::system::error_code> advance();
  Error unreachable(boost::system::error_code error) const;
  Error broken(boost::system::error_code error) const;

  Address address_;
  net::TlsContext tls_;
  std::shared_ptr<net::Socket> socket_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Duration limit_{0};
};

}  // namespace entropy::docker
