#include "docker/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/text.hpp"

namespace entropy::docker {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

constexpr std::uint64_t largest_body = 64 * 1024 * 1024;
constexpr std::uint32_t largest_header = 64 * 1024;
constexpr std::size_t piece_size = 16 * 1024;
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

Connection::Connection(asio::any_io_executor executor, Address address)
    : socket_(executor), resolver_(executor), timer_(executor), address_(std::move(address)) {}

void Connection::expires_after(Duration limit) {
  limit_ = limit;
  timer_.expires_after(limit);
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->expired_ = true;
    self->close();
  });
}

void Connection::never_expires() { timer_.cancel(); }

void Connection::close() {
  closed_ = true;
  error_code ignored;
  resolver_.cancel();
  socket_.close(ignored);
}

Error Connection::unreachable(error_code error) const {
  const std::string where = concat("no Docker engine at ", address_.text);
  if (expired_) {
    return {ErrorCode::timeout, concat(where, ": no connection within ", to_string(limit_)), {}};
  }
  if (error == asio::error::access_denied || error == boost::system::errc::operation_not_permitted) {
    return {ErrorCode::permission,
            concat("no permission on ", address_.text, ": add the user to the docker group or run as root"),
            {}};
  }
  if (error == boost::system::errc::no_such_file_or_directory) {
    return {ErrorCode::unavailable, concat(where, " (is it running? there is no such socket; see DOCKER_HOST)"), {}};
  }
  if (error == asio::error::connection_refused) {
    return {ErrorCode::unavailable, concat(where, " (is it running? nobody listens there)"), {}};
  }
  return {ErrorCode::unavailable, concat(where, ": ", error.message()), {}};
}

Error Connection::broken(error_code error) const {
  const std::string where = concat("the engine at ", address_.text);
  if (expired_) return {ErrorCode::timeout, concat(where, " did not answer within ", to_string(limit_)), {}};
  if (closed_) return {ErrorCode::unavailable, concat("the connection to ", where, " was closed"), {}};
  if (error == http::error::end_of_stream) {
    return {ErrorCode::unavailable, concat(where, " closed the connection without an answer"), {}};
  }
  if (error == http::error::partial_message) {
    return {ErrorCode::unavailable, concat(where, " closed the connection in the middle of its answer"), {}};
  }
  if (error == http::error::body_limit || error == http::error::header_limit) {
    return {ErrorCode::protocol, concat(where, " sent a larger answer than Entropy takes"), {}};
  }
  if (error.category() == http::make_error_code(http::error::bad_version).category()) {
    return {ErrorCode::protocol,
            concat("what answers at ", address_.text, " does not speak HTTP (", error.message(), "): is it an engine?"),
            {}};
  }
  return {ErrorCode::unavailable, concat("the connection to ", where, " broke: ", error.message()), {}};
}

Task<> Connection::open() { return address_.kind == Address::Kind::unix_socket ? open_unix() : open_tcp(); }

Task<> Connection::open_unix() {
  const asio::generic::stream_protocol::endpoint endpoint{asio::local::stream_protocol::endpoint(address_.path)};
  const auto [error] = co_await socket_.async_connect(endpoint, as_result);
  if (error) co_return fail(unreachable(error));
  co_return Result<>();
}

Task<> Connection::open_tcp() {
  // (A getaddrinfo that hangs can't be interrupted: the resolver's own limits add to the deadline.)
  const auto [resolve_error, addresses] = co_await resolver_.async_resolve(address_.host, address_.port, as_result);
  if (resolve_error) co_return fail(unreachable(resolve_error));
  error_code error = asio::error::host_not_found;
  for (const auto& address : addresses) {
    const asio::generic::stream_protocol::endpoint endpoint{address.endpoint()};
    const auto [connect_error] = co_await socket_.async_connect(endpoint, as_result);
    error = connect_error;
    if (closed_) break;
    if (!error) {
      keep_alive(socket_.native_handle());
      co_return Result<>();
    }
    error_code ignored;
    socket_.close(ignored);
  }
  co_return fail(unreachable(error));
}

std::string Connection::head_of(const Request& request) const {
  const bool v6 = address_.host.find(':') != std::string::npos;
  const std::string host = address_.kind == Address::Kind::unix_socket ? "docker"
                           : v6                                        ? concat("[", address_.host, "]:", address_.port)
                                                                       : concat(address_.host, ":", address_.port);
  std::string head = concat(request.method, " ", request.target, " HTTP/1.1\r\nHost: ", host,
                            "\r\nUser-Agent: entropy\r\nContent-Length: ", request.body.size(), "\r\n");
  if (!request.content_type.empty()) head += concat("Content-Type: ", request.content_type, "\r\n");
  head += request.upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

Task<Head> Connection::exchange(Request request) {
  const std::string head = head_of(request);
  const std::array<asio::const_buffer, 2> bytes = {asio::buffer(head), asio::buffer(request.body)};
  const auto [write_error, written] = co_await asio::async_write(socket_, bytes, as_result);
  if (write_error == asio::error::operation_aborted) co_return fail(broken(write_error));
  parser_.emplace();
  parser_->header_limit(largest_header);
  parser_->body_limit(boost::none);  // `read_body` has one, streams have no end
  const auto [read_error, read] = co_await http::async_read_header(socket_, buffer_, *parser_, as_result);
  // An engine that refuses a large body answers and closes before it has read it all: its answer says more.
  if (read_error) co_return fail(broken(write_error ? write_error : read_error));
  const auto& message = parser_->get();
  Head answer;
  answer.status = message.result_int();
  answer.content_type = std::string(message[http::field::content_type]);
  answer.api_version = std::string(message["Api-Version"]);
  co_return answer;
}

Task<std::string> Connection::read_some() {
  std::string piece(piece_size, '\0');
  while (!parser_->is_done()) {
    auto& body = parser_->get().body();
    body.data = piece.data();
    body.size = piece.size();
    body.more = true;
    const auto [error, read] = co_await http::async_read_some(socket_, buffer_, *parser_, as_result);
    if (error && error != http::error::need_buffer) co_return fail(broken(error));
    if (body.size < piece.size()) {
      piece.resize(piece.size() - body.size);
      co_return piece;
    }
  }
  co_return std::string();
}

Task<std::string> Connection::read_body() {
  std::string all;
  while (true) {
    auto piece = co_await read_some();
    if (!piece || piece->empty()) co_return piece ? Result<std::string>(std::move(all)) : std::move(piece);
    all += *piece;
    if (all.size() > largest_body) co_return fail(broken(http::error::body_limit));
  }
}

Task<std::string> Connection::read_raw() {
  std::string piece;
  if (buffer_.size() != 0) {  // they came with the header
    piece = beast::buffers_to_string(buffer_.data());
    buffer_.clear();
    co_return piece;
  }
  piece.resize(piece_size);
  const auto [error, read] = co_await socket_.async_read_some(asio::buffer(piece), as_result);
  if (error && error != asio::error::eof) co_return fail(broken(error));
  piece.resize(read);
  co_return piece;
}

Task<> Connection::write(std::string bytes) {
  const auto [error, written] = co_await asio::async_write(socket_, asio::buffer(bytes), as_result);
  if (error) co_return fail(broken(error));
  co_return Result<>();
}

}  // namespace entropy::docker
