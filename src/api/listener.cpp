#include "api/listener.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <cstring>

#include "base/text.hpp"

namespace entropy::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Generic = asio::generic::stream_protocol;

Error cannot_listen(const Address& address, std::string_view why, std::string_view mend = "") {
  return {ErrorCode::unavailable, concat("cannot listen on ", to_string(address), ": ", why, mend)};
}

Result<Generic::endpoint> tcp_endpoint(const asio::any_io_executor& executor, const Address& address) {
  error_code error;
  tcp::resolver resolver(executor);
  const auto found = resolver.resolve(address.host, concat(address.port), tcp::resolver::passive, error);
  if (error) return fail(cannot_listen(address, error.message()));
  return Generic::endpoint(found.begin()->endpoint());
}

// A socket file that nobody listens on is what a killed service leaves.
Result<> remove_stale_socket(const Address& address) {
  struct stat status{};
  if (::lstat(address.path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return fail(cannot_listen(address, "there is a file that is not a socket"));
  asio::io_context context;
  asio::local::stream_protocol::socket probe(context);
  error_code error;
  probe.connect(asio::local::stream_protocol::endpoint(address.path), error);
  if (!error) return fail(cannot_listen(address, "another service listens there"));
  if (error != asio::error::connection_refused) return fail(cannot_listen(address, error.message()));
  ::unlink(address.path.c_str());
  return {};
}

Result<Generic::endpoint> endpoint_of(const asio::any_io_executor& executor, const Address& address) {
  if (address.kind == Address::Kind::tcp) return tcp_endpoint(executor, address);
  const auto removed = remove_stale_socket(address);
  if (!removed) return fail(removed.error());
  return Generic::endpoint(asio::local::stream_protocol::endpoint(address.path));
}

std::string_view mend_for(const error_code& error) {
  if (error == asio::error::address_in_use) return " (another entropy manage? -H chooses another address)";
  if (error == asio::error::access_denied) return " (-H chooses another address)";
  return "";
}

std::uint16_t bound_port(const Listener& listener) {
  const auto bound = listener.acceptor.local_endpoint();
  tcp::endpoint endpoint;
  endpoint.resize(bound.size());
  std::memcpy(endpoint.data(), bound.data(), bound.size());
  return endpoint.port();
}

}  // namespace

Result<Listener> open_listener(const asio::any_io_executor& executor, const Address& address) {
  const auto endpoint = endpoint_of(executor, address);
  if (!endpoint) return fail(endpoint.error());
  Listener listener{asio::basic_socket_acceptor<Generic>(executor), address};
  const bool is_unix = address.kind == Address::Kind::unix_socket;
  error_code error;
  listener.acceptor.open(endpoint->protocol(), error);
  if (!error && !is_unix) listener.acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) listener.acceptor.bind(*endpoint, error);
  // Nobody can connect before `listen`, so there is no moment with another mode.
  if (!error && is_unix && ::chmod(address.path.c_str(), 0660) != 0)
    error.assign(errno, boost::system::system_category());
  if (!error) listener.acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(cannot_listen(address, error.message(), mend_for(error)));
  if (!is_unix) listener.address.port = bound_port(listener);
  return listener;
}

void close_listener(Listener& listener) {
  if (!listener.acceptor.is_open()) return;
  error_code ignored;
  listener.acceptor.close(ignored);
  if (listener.address.kind == Address::Kind::unix_socket) ::unlink(listener.address.path.c_str());
}

}  // namespace entropy::api
