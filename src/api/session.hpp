// One connection: moves bytes between HTTP/1.1 (RFC 9112) and the values of http.hpp, one request after the other.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>

#include "api/http.hpp"
#include "api/options.hpp"

namespace entropy::api {

// Everything on the socket's executor, one thread.
class Session {
 public:
  virtual ~Session() = default;
  // Until the peer closes, misbehaves or lingers. Does not throw.
  virtual boost::asio::awaitable<void> run() = 0;
  // The running request is answered, then the connection closes; one without a request, or whose body goes on
  // without end, closes at once.
  virtual void stop() = 0;
  virtual void abort() = 0;
};

struct SessionOptions {
  Limits limits;
  std::string server_name;  // for the header `Server`
  bool over_unix_socket = false;
};

std::shared_ptr<Session> make_session(boost::asio::generic::stream_protocol::socket socket, SessionOptions options,
                                      Handle handle);

}  // namespace entropy::api
