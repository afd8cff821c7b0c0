#include "docker/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>

#include "base/text.hpp"

namespace entropy::docker {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

constexpr std::uint64_t largest_body = 64 * 1024 * 1024;
constexpr std::uint32_t largest_header = 64 * 1024;
constexpr std::size_t piece_size = 16 * 1024;

}  // namespace

Connection::Connection(asio::any_io_executor executor, Address address, net::TlsContext tls)
    : address_(std::move(address)), tls_(std::move(tls)), socket_(std::make_shared<net::Socket>(executor)) {}

void Connection::expires_after(Duration limit) {
  limit_ = limit;
  socket_->expires_after(limit);
}

Error Connection::unreachable(error_code error) const {
  const std::string where = concat("no Docker engine at ", address_.text);
  if (socket_->expired()) {
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
  if (const std::string why = socket_->distrust(); !why.empty()) {
    return {ErrorCode::permission,
            concat(where, " that its certificate proves: ", why, " (see cert-path, DOCKER_CERT_PATH)"),
            {}};
  }
  const std::string_view hint = error.category() == asio::error::get_ssl_category() ? " (TLS on that port?)" : "";
  return {ErrorCode::unavailable, concat(where, ": ", error.message(), hint), {}};
}

Error Connection::broken(error_code error) const {
  const std::string where = concat("the engine at ", address_.text);
  if (socket_->expired()) return {ErrorCode::timeout, concat(where, " did not answer within ", to_string(limit_)), {}};
  if (socket_->closed()) return {ErrorCode::unavailable, concat("the connection to ", where, " was closed"), {}};
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

asio::awaitable<error_code> Connection::connect() {
  if (address_.kind == Address::Kind::unix_socket) co_return co_await socket_->connect_unix(address_.path);
  const error_code error = co_await socket_->connect_tcp(address_.host, address_.port);
  if (error || !tls_) co_return error;
  co_return co_await socket_->start_tls_as_client(tls_, address_.host);
}

Task<> Connection::open() {
  const error_code error = co_await connect();
  if (error) co_return fail(unreachable(error));
  co_return Result<>();
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

asio::awaitable<error_code> Connection::advance() {
  error_code error = http::error::need_more;
  if (buffer_.size() != 0) buffer_.consume(parser_->put(buffer_.data(), error));
  if (error != http::error::need_more) co_return error;
  const auto [read_error, count] = co_await socket_->read_some(buffer_.prepare(piece_size));
  buffer_.commit(count);
  if (read_error != asio::error::eof) co_return read_error;
  if (!parser_->got_some()) co_return http::error::end_of_stream;
  error = {};
  parser_->put_eof(error);
  co_return error;
}

Task<Head> Connection::exchange(Request request) {
  const std::string bytes = head_of(request) + request.body;
  const error_code write_error = co_await socket_->write(asio::buffer(bytes));
  if (write_error == asio::error::operation_aborted) co_return fail(broken(write_error));
  parser_.emplace();
  parser_->header_limit(largest_header);
  parser_->body_limit(boost::none);  // `read_body` has one, streams have no end
  while (!parser_->is_header_done()) {
    const error_code read_error = co_await advance();
    // An engine that refuses a large body answers and closes before it has read it all: its answer says more.
    if (read_error) co_return fail(broken(write_error ? write_error : read_error));
  }
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
    const error_code error = co_await advance();
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
  const auto [error, count] = co_await socket_->read_some(asio::buffer(piece));
  if (error && error != asio::error::eof) co_return fail(broken(error));
  piece.resize(count);
  co_return piece;
}

Task<> Connection::write(std::string bytes) {
  const error_code error = co_await socket_->write(asio::buffer(bytes));
  if (error) co_return fail(broken(error));
  co_return Result<>();
}

}  // namespace entropy::docker
