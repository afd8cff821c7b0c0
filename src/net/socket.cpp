#include "net/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

namespace entropy::net {

namespace asio = boost::asio;
namespace ssl = asio::ssl;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// A stream may be silent for days. That the other host is gone, without a word, is noticed after a minute this way.
void keep_alive(int socket) {
  const auto set = [socket](int level, int option, int value) {
    ::setsockopt(socket, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
}

}  // namespace

struct Socket::Tls {
  Tls(Plain& plain, TlsContext its_context) : context(std::move(its_context)), stream(plain, *context) {}
  TlsContext context;
  ssl::stream<Plain&> stream;
};

Socket::Socket(asio::any_io_executor executor) : plain_(executor), resolver_(executor), timer_(executor) {}
Socket::Socket(Plain accepted)
    : plain_(std::move(accepted)), resolver_(plain_.get_executor()), timer_(plain_.get_executor()) {}
Socket::~Socket() = default;

void Socket::expires_after(Duration limit) {
  timer_.expires_after(limit);
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->timer_.expiry() > std::chrono::steady_clock::now()) return;
    self->expired_ = true;
    self->close();
  });
}

void Socket::never_expires() { timer_.expires_at(std::chrono::steady_clock::time_point::max()); }

void Socket::close() {
  closed_ = true;
  error_code ignored;
  timer_.cancel();
  resolver_.cancel();
  plain_.close(ignored);
}

asio::awaitable<error_code> Socket::connect_unix(std::string path) {
  const asio::generic::stream_protocol::endpoint endpoint{asio::local::stream_protocol::endpoint(path)};
  const auto [error] = co_await plain_.async_connect(endpoint, as_result);
  co_return error;
}

asio::awaitable<error_code> Socket::connect_tcp(std::string host, std::string port, Allowed allowed) {
  // (A getaddrinfo that hangs can't be interrupted: the resolver's own limits add to the deadline.)
  const auto [resolve_error, addresses] = co_await resolver_.async_resolve(host, port, as_result);
  if (resolve_error) co_return resolve_error;
  error_code error = asio::error::host_not_found;
  for (const auto& address : addresses) {
    if (allowed != nullptr && !allowed(address.endpoint().address())) {
      error = asio::error::access_denied;
      continue;
    }
    const asio::generic::stream_protocol::endpoint endpoint{address.endpoint()};
    const auto [connect_error] = co_await plain_.async_connect(endpoint, as_result);
    error = connect_error;
    if (closed_) break;
    if (!error) {
      keep_alive(plain_.native_handle());
      break;
    }
    error_code ignored;
    plain_.close(ignored);
  }
  co_return error;
}

asio::awaitable<error_code> Socket::handshake(bool as_client) {
  const auto role = as_client ? ssl::stream_base::client : ssl::stream_base::server;
  const auto [error] = co_await tls_->stream.async_handshake(role, as_result);
  co_return error;
}

asio::awaitable<error_code> Socket::start_tls_as_client(TlsContext context, std::string host) {
  tls_ = std::make_unique<Tls>(plain_, std::move(context));
  SSL* const session = tls_->stream.native_handle();
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(session);
  // An address is no name to be asked for (RFC 6066, section 3).
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) {
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(session, host.c_str());
    SSL_set_tlsext_host_name(session, host.c_str());
  }
  return handshake(true);
}

asio::awaitable<error_code> Socket::start_tls_as_server(TlsContext context) {
  tls_ = std::make_unique<Tls>(plain_, std::move(context));
  return handshake(false);
}

std::string Socket::distrust() const {
  if (!tls_) return {};
  const long result = SSL_get_verify_result(tls_->stream.native_handle());
  return result == X509_V_OK ? "" : X509_verify_cert_error_string(result);
}

std::string Socket::peer_name() const {
  if (!tls_) return {};
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(tls_->stream.native_handle()),
                                                                X509_free);
  if (!certificate) return {};
  std::array<char, 256> name{};
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                                               static_cast<int>(name.size()));
  return length > 0 ? std::string(name.data(), static_cast<std::size_t>(length)) : std::string();
}

asio::awaitable<Received> Socket::read_some(asio::mutable_buffer room) {
  if (!tls_) {
    const auto [error, count] = co_await plain_.async_read_some(room, as_result);
    co_return Received{error, count};
  }
  const auto [error, count] = co_await tls_->stream.async_read_some(room, as_result);
  // Whoever needs to know whether something was cut off knows how much it expects.
  if (error == ssl::error::stream_truncated) co_return Received{asio::error::eof, count};
  co_return Received{error, count};
}

asio::awaitable<error_code> Socket::write(asio::const_buffer bytes) {
  while (bytes.size() != 0) {
    error_code error;
    std::size_t count = 0;
    if (tls_) {
      std::tie(error, count) = co_await tls_->stream.async_write_some(bytes, as_result);
    } else {
      std::tie(error, count) = co_await plain_.async_write_some(bytes, as_result);
    }
    if (error) co_return error;
    bytes += count;
  }
  co_return error_code();
}

asio::awaitable<void> Socket::finish() {
  error_code ignored;
  if (tls_) {
    const auto [error] = co_await tls_->stream.async_shutdown(as_result);
    ignored = error;
  }
  plain_.shutdown(asio::socket_base::shutdown_send, ignored);
  std::array<char, 4096> scrap{};
  while (true) {
    const auto [error, count] = co_await plain_.async_read_some(asio::buffer(scrap), as_result);
    if (error) break;
  }
}

}  // namespace entropy::net
