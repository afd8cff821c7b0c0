// One connection: moves bytes between HTTP/1.1 (RFC 9112) and the values of http.hpp, one request after the other.
#pragma once

#include <memory>

#include "api/http.hpp"
#include "api/options.hpp"
#include "net/socket.hpp"

namespace entropy::api {

// Everything on the socket's executor, one thread.
class Session {
 public:
  virtual ~Session() = default;
  // Until the peer closes, misbehaves or lingers. Does not throw.
  virtual boost::asio::awaitable<void> run() = 0;
  // The running request is answered, then the connection closes; one without a request closes at once. A body that
  // goes on without end goes on.
  virtual void drain() = 0;
  // The same, and bodies without end are ended.
  virtual void stop() = 0;
  virtual void abort() = 0;
};

struct SessionOptions {
  Limits limits;
  std::string server_name;  // for the header `Server`
  net::TlsContext tls;      // none: plain
  Peer peer;                // what is known of it before TLS
};

std::shared_ptr<Session> make_session(std::shared_ptr<net::Socket> socket, SessionOptions options, Handle handle);

}  // namespace entropy::api
