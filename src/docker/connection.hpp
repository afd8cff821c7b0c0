// One connection to an engine: one request, its answer, and for a hijacked one the raw bytes that follow.
//
// Held by shared_ptr; whoever runs one of its coroutines holds it. Of reading and writing one each may run at a time.
// Every wait ends when the deadline does (ErrorCode::timeout) or at `close` (ErrorCode::unavailable).
#pragma once

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>
#include <string>

#include "docker/engine.hpp"

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

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::any_io_executor executor, Address address);

  // The deadline of everything from now on; it replaces the one before.
  void expires_after(Duration limit);
  void never_expires();
  void close();

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
  using Socket = asio::generic::stream_protocol::socket;
  using Parser = boost::beast::http::response_parser<boost::beast::http::buffer_body>;

  Task<> open_unix();
  Task<> open_tcp();
  std::string head_of(const Request& request) const;
  Error unreachable(boost::system::error_code error) const;
  Error broken(boost::system::error_code error) const;

  Socket socket_;
  asio::ip::tcp::resolver resolver_;
  asio::steady_timer timer_;
  Address address_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Duration limit_{0};
  bool expired_ = false;
  bool closed_ = false;
};

}  // namespace entropy::docker
