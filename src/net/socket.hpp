// One stream connection, plain or TLS, with a deadline: what the API's sessions, the engine's client and the command
// line's client stand on.
//
// Held by shared_ptr; whoever runs one of its coroutines holds it. Of reading and writing one each may run at a time.
// Everything that waits ends with an error when the deadline does, or at `close`. Nothing throws.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "base/units.hpp"
#include "net/tls.hpp"

namespace entropy::net {

using boost::system::error_code;

struct Received {
  error_code error;  // boost::asio::error::eof at the end
  std::size_t count = 0;
};

class Socket : public std::enable_shared_from_this<Socket> {
 public:
  using Plain = boost::asio::generic::stream_protocol::socket;
  explicit Socket(boost::asio::any_io_executor executor);
  explicit Socket(Plain accepted);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  boost::asio::awaitable<error_code> connect_unix(std::string path);
  // Every address of the host, one after the other. Sees within a minute that the other host is gone without a word.
  // Where `allowed` is given, only addresses that it allows: error::access_denied if there is no other.
  using Allowed = bool (*)(const boost::asio::ip::address& address);
  boost::asio::awaitable<error_code> connect_tcp(std::string host, std::string port, Allowed allowed = nullptr);

  // The handshake; whatever follows is encrypted. As a client, `host` is whom the certificate has to name.
  boost::asio::awaitable<error_code> start_tls_as_client(TlsContext context, std::string host);
  boost::asio::awaitable<error_code> start_tls_as_server(TlsContext context);
  // Why the other side's certificate was not accepted, for people; empty if it was.
  std::string distrust() const;
  // The common name of the other side's certificate; empty without one.
  std::string peer_name() const;

  boost::asio::awaitable<Received> read_some(boost::asio::mutable_buffer room);
  boost::asio::awaitable<error_code> write(boost::asio::const_buffer bytes);
  // Tells the other side that nothing follows; then waits for its end, or the deadline.
  boost::asio::awaitable<void> finish();
  void close();
  bool closed() const { return closed_; }

  // The deadline of everything from now on; it replaces the one before.
  void expires_after(Duration limit);
  void never_expires();
  bool expired() const { return expired_; }

  Plain& plain() { return plain_; }

 private:
  struct Tls;
  boost::asio::awaitable<error_code> handshake(bool as_client);

  Plain plain_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<Tls> tls_;
  bool expired_ = false;
  bool closed_ = false;
};

}  // namespace entropy::net
