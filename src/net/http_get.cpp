#include "net/http_get.hpp"

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/text.hpp"
#include "base/version.hpp"
#include "net/socket.hpp"

namespace entropy::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::uint32_t largest_header = 64 << 10;

// Not a string, for which Beast would take all the memory at once that the answer says its body needs.
using Parser = http::response_parser<http::basic_dynamic_body<beast::flat_buffer>>;

std::string where(const HttpUrl& url) { return concat(url.host, ":", url.port); }

Error trouble(const HttpGet& request, const Socket& socket, error_code error) {
  const std::string host = where(request.url);
  if (socket.expired()) return {ErrorCode::timeout, concat(host, " did not answer within ", to_string(request.within))};
  if (error == asio::error::access_denied)
    return {ErrorCode::permission, concat(host, " is a link-local address, which is never asked")};
  if (error == asio::error::connection_refused) return {ErrorCode::unavailable, concat("nobody listens at ", host)};
  if (const std::string why = socket.distrust(); !why.empty())
    return {ErrorCode::permission, concat("the certificate of ", host, " is not to be trusted: ", why)};
  if (error == http::error::end_of_stream || error == http::error::partial_message || error == asio::error::eof)
    return {ErrorCode::unavailable, concat(host, " closed the connection without an answer")};
  if (error.category() == http::make_error_code(http::error::bad_version).category())
    return {ErrorCode::protocol, concat(host, " does not speak HTTP: ", error.message())};
  return {ErrorCode::unavailable, concat(host, ": ", error.message())};
}

bool may_be_asked(const asio::ip::address& address) {
  static const auto aws = asio::ip::make_address_v6("fd00:ec2::254");
  constexpr std::uint32_t link_local = 169 << 8 | 254;
  if (address.is_v4()) return address.to_v4().to_uint() >> 16 != link_local;
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_uint() >> 16 != link_local;
  return !v6.is_link_local() && v6 != aws;
}

std::string head_of(const HttpUrl& url) {
  const std::string host = url.host.contains(':') ? concat("[", url.host, "]") : url.host;
  const bool usual = url.port == (url.tls ? 443 : 80);
  return concat("GET ", url.target, " HTTP/1.1\r\nHost: ", host, usual ? std::string() : concat(":", url.port),
                "\r\nUser-Agent: entropy/", version, "\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

asio::awaitable<error_code> send(Socket& socket, const HttpGet& request) {
  error_code error = co_await socket.connect_tcp(request.url.host, concat(request.url.port), may_be_asked);
  if (error) co_return error;
  if (request.url.tls) error = co_await socket.start_tls_as_client(request.tls, request.url.host);
  if (error) co_return error;
  const std::string head = head_of(request.url);
  co_return co_await socket.write(asio::buffer(head));
}

// As much of the body as is asked for.
asio::awaitable<error_code> receive(Socket& socket, Parser& parser, std::size_t most_bytes) {
  beast::flat_buffer buffer;
  parser.eager(true);
  parser.header_limit(largest_header);
  parser.body_limit(boost::none);
  while (!parser.is_done()) {
    if (parser.is_header_done() && parser.get().body().size() >= most_bytes) co_return error_code();
    const auto [error, count] = co_await socket.read_some(buffer.prepare(8 << 10));
    error_code parse_error;
    if (error == asio::error::eof) {
      parser.put_eof(parse_error);
      co_return parse_error;
    }
    if (error) co_return error;
    buffer.commit(count);
    while (buffer.size() != 0 && !parser.is_done()) {
      const std::size_t used = parser.put(buffer.data(), parse_error);
      buffer.consume(used);
      if (parse_error == http::error::need_more) break;
      if (parse_error) co_return parse_error;
      if (used == 0) break;
    }
  }
  co_return error_code();
}

}  // namespace

asio::awaitable<Result<HttpGot>> http_get(asio::any_io_executor executor, HttpGet request) {
  const auto socket = std::make_shared<Socket>(executor);
  socket->expires_after(request.within);
  error_code error = co_await send(*socket, request);
  Parser parser;
  if (!error) error = co_await receive(*socket, parser, request.most_bytes);
  if (error) {
    Error why = trouble(request, *socket, error);
    socket->close();
    co_return fail(std::move(why));
  }
  socket->close();
  HttpGot got{parser.get().result_int(), beast::buffers_to_string(parser.get().body().data())};
  if (got.body.size() > request.most_bytes) got.body.resize(request.most_bytes);
  co_return got;
}

}  // namespace entropy::net
