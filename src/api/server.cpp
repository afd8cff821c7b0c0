#include "api/server.hpp"

#include <sys/socket.h>

#include <boost/asio.hpp>
#include <cstring>
#include <set>

#include "api/event_feed.hpp"
#include "api/listener.hpp"
#include "api/router.hpp"
#include "api/routes.hpp"
#include "api/session.hpp"
#include "base/text.hpp"
#include "control/log.hpp"

namespace entropy::api {

namespace asio = boost::asio;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;

// Shared with the coroutines, which may outlive the Server by a moment.
struct Server::State : std::enable_shared_from_this<Server::State> {
  State(asio::any_io_executor its_executor, control::Service& its_service, Options its_options)
      : executor(std::move(its_executor)),
        options(std::move(its_options)),
        backend{&its_service, &options, std::make_shared<EventFeed>(executor, its_service)},
        drained(executor) {}

  asio::any_io_executor executor;
  Options options;
  Backend backend;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::set<std::shared_ptr<Session>> sessions;
  asio::steady_timer drained;  // cancelled when the last session ends

  void serve(asio::generic::stream_protocol::socket plain, std::shared_ptr<Listener> listener);
  static asio::awaitable<void> accept(std::shared_ptr<State> self, std::shared_ptr<Listener> listener);
};

namespace {

void prepare(asio::generic::stream_protocol::socket& socket, bool over_unix_socket) {
  error_code ignored;
  if (over_unix_socket) return;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

// As much as fits into the socket's buffer; the peer may not even read.
void turn_away(asio::generic::stream_protocol::socket socket) {
  constexpr std::string_view answer =
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(answer), ignored);
}

// The other end, for the audit log.
Peer peer_of(const asio::generic::stream_protocol::socket& socket, const Listener& listener) {
  Peer peer;
  peer.over_unix_socket = listener.address.kind == Address::Kind::unix_socket;
  if (peer.over_unix_socket) {
    ucred other{};
    socklen_t size = sizeof other;
    ::getsockopt(const_cast<asio::generic::stream_protocol::socket&>(socket).native_handle(), SOL_SOCKET, SO_PEERCRED,
                 &other, &size);
    peer.address = concat("unix socket: user ", other.uid, ", process ", other.pid);
    return peer;
  }
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  asio::ip::tcp::endpoint endpoint;
  if (error || remote.size() > endpoint.capacity()) return peer;
  endpoint.resize(remote.size());
  std::memcpy(endpoint.data(), remote.data(), remote.size());
  const bool v6 = endpoint.address().is_v6();
  peer.address = concat(v6 ? "[" : "", endpoint.address().to_string(), v6 ? "]:" : ":", endpoint.port());
  return peer;
}

Result<> check_exposure(const Address& address, const Options& options) {
  if (address.tls && !options.tls) {
    return fail(ErrorCode::invalid, concat(to_string(address), " needs a certificate: --tlscert and --tlskey"));
  }
  if (is_local(address)) return {};
  if (!address.tls && !options.no_tls) {
    return fail(ErrorCode::invalid, concat(to_string(address),
                                           " is not loopback: --tlscert and --tlskey make it TLS; --no-tls allows "
                                           "plain TCP in a network that you trust"));
  }
  if (!address.tls) {
    log::warn("{} is plain TCP beyond this host: whoever can listen in on the network sees the token",
              to_string(address));
  }
  if (options.no_auth) log::warn("{} needs no token: whoever reaches it can break your containers", to_string(address));
  return {};
}

}  // namespace

void Server::State::serve(asio::generic::stream_protocol::socket plain, std::shared_ptr<Listener> listener) {
  if (listener->connections >= options.limits.connections) {
    log::warn("more than {} connections at {}: one is turned away", options.limits.connections,
              to_string(listener->address));
    return turn_away(std::move(plain));
  }
  SessionOptions session_options{options.limits, concat("entropy/", options.version),
                                 listener->address.tls ? options.tls : nullptr, peer_of(plain, *listener)};
  prepare(plain, session_options.peer.over_unix_socket);
  // Held by the completion handler below, for as long as the session runs.
  const auto self = shared_from_this();
  Handle handle = [this](Request request) { return dispatch(routes(), backend, std::move(request)); };
  auto socket = std::make_shared<net::Socket>(std::move(plain));
  auto session = make_session(std::move(socket), std::move(session_options), std::move(handle));
  sessions.insert(session);
  ++listener->connections;
  asio::co_spawn(executor, session->run(), [self, session, listener](const std::exception_ptr& thrown) {
    if (thrown) log::error("a connection ended by an exception");
    --listener->connections;
    self->sessions.erase(session);
    if (self->sessions.empty()) self->drained.cancel();
  });
}

asio::awaitable<void> Server::State::accept(std::shared_ptr<State> self, std::shared_ptr<Listener> listener) {
  while (listener->acceptor.is_open()) {
    error_code error;
    auto socket = co_await listener->acceptor.async_accept(redirect_error(use_awaitable, error));
    if (!error) {
      self->serve(std::move(socket), listener);
    } else if (listener->acceptor.is_open() && error != asio::error::connection_aborted) {
      // Out of descriptors, most likely: accepting again at once would only spin.
      log::warn("accepting on {}: {}", to_string(listener->address), error.message());
      asio::steady_timer pause(self->executor, std::chrono::milliseconds(100));
      co_await pause.async_wait(redirect_error(use_awaitable, error));
    }
  }
}

Server::Server(asio::any_io_executor executor, control::Service& service, Options options)
    : state_(std::make_shared<State>(std::move(executor), service, std::move(options))) {}

Server::~Server() {
  for (const auto& listener : state_->listeners) close_listener(*listener);
  for (const auto& session : state_->sessions) session->abort();
}

Result<> Server::listen(const std::vector<Address>& addresses) {
  std::vector<std::shared_ptr<Listener>> opened;
  for (const auto& address : addresses) {
    const auto allowed = check_exposure(address, state_->options);
    auto listener = allowed ? open_listener(state_->executor, address) : fail(allowed.error());
    if (!listener) {
      for (const auto& each : opened) close_listener(*each);
      return fail(listener.error());
    }
    opened.push_back(std::make_shared<Listener>(std::move(*listener)));
  }
  for (const auto& listener : opened) {
    state_->listeners.push_back(listener);
    asio::co_spawn(state_->executor, State::accept(state_, listener), [](const std::exception_ptr& thrown) {
      if (thrown) log::error("accepting connections ended by an exception");
    });
  }
  return {};
}

std::vector<Address> Server::addresses() const {
  std::vector<Address> bound;
  for (const auto& listener : state_->listeners) bound.push_back(listener->address);
  return bound;
}

void Server::drain() {
  for (const auto& listener : state_->listeners) close_listener(*listener);
  for (const auto& session : state_->sessions) session->drain();
}

asio::awaitable<void> Server::stop(std::chrono::milliseconds bound) {
  const auto state = state_;
  for (const auto& listener : state->listeners) close_listener(*listener);
  for (const auto& session : state->sessions) session->stop();
  if (state->sessions.empty()) co_return;
  error_code ignored;
  state->drained.expires_after(bound);
  co_await state->drained.async_wait(redirect_error(use_awaitable, ignored));
  for (const auto& session : state->sessions) session->abort();
}

}  // namespace entropy::api
