#include "cli/client.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <ostream>

#include "base/text.hpp"
#include "net/socket.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using boost::system::error_code;

struct Client::Connection {
  Connection() { parser.body_limit(boost::none); }

  // Runs one coroutine to its end.
  template <class T>
  T wait(asio::awaitable<T> task) {
    T result{};
    context.restart();
    asio::co_spawn(context, std::move(task), [&result](const std::exception_ptr& thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      result = std::move(value);
    });
    context.run();
    return result;
  }
  // One step of the parser: takes what is there, or waits for more bytes.
  error_code advance() {
    constexpr std::size_t piece_size = 16 * 1024;
    error_code error = http::error::need_more;
    if (buffer.size() != 0) buffer.consume(parser.put(buffer.data(), error));
    if (error != http::error::need_more) return error;
    const auto received = wait(socket->read_some(buffer.prepare(piece_size)));
    buffer.commit(received.count);
    if (received.error != asio::error::eof) return received.error;
    if (!parser.got_some()) return http::error::end_of_stream;
    error = {};
    parser.put_eof(error);
    return error;
  }

  asio::io_context context;
  std::shared_ptr<net::Socket> socket = std::make_shared<net::Socket>(context.get_executor());
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
};

namespace {

Error broken(const Address& address, const error_code& error) {
  return {ErrorCode::unavailable,
          concat("the connection to Entropy at ", to_string(address), " broke: ", error.message())};
}

Error unreachable(const Address& address, const error_code& error) {
  std::string why = error.message();
  if (!why.empty() && why[0] >= 'A' && why[0] <= 'Z') why[0] = static_cast<char>(why[0] - 'A' + 'a');
  return {ErrorCode::unavailable,
          concat("cannot reach Entropy at ", to_string(address), ": ", why, " (is `entropy manage` running? see -H)")};
}

asio::awaitable<error_code> connect(std::shared_ptr<net::Socket> socket, Address address, net::TlsContext tls) {
  if (address.kind == Address::Kind::unix_socket) co_return co_await socket->connect_unix(address.path);
  const error_code error = co_await socket->connect_tcp(address.host, concat(address.port));
  if (error || !tls) co_return error;
  co_return co_await socket->start_tls_as_client(tls, address.host);
}

std::string host_header(const Address& address) {
  if (address.kind == Address::Kind::unix_socket) return "localhost";
  const std::string text = to_string(address);
  return text.substr(text.find("://") + 3);
}

ErrorCode code_of(unsigned status) {
  switch (status) {
    case 400:
      return ErrorCode::invalid;
    case 401:
      return ErrorCode::permission;
    case 403:
      return ErrorCode::permission;
    case 404:
      return ErrorCode::not_found;
    case 409:
      return ErrorCode::conflict;
    case 412:
      return ErrorCode::precondition;
    case 503:
      return ErrorCode::unavailable;
    default:
      return ErrorCode::protocol;
  }
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace

Result<> Client::send(Connection& connection, Request wanted) const {
  error_code error = connection.wait(connect(connection.socket, address_, tls_));
  if (const std::string why = connection.socket->distrust(); error && !why.empty()) {
    return fail(ErrorCode::permission, concat("the certificate of ", to_string(address_), " is not trusted: ", why,
                                              " (--tlscacert says whom to trust)"));
  }
  if (error) return fail(unreachable(address_, error));
  std::string bytes =
      concat(wanted.method, " ", wanted.target, " HTTP/1.1\r\nHost: ", host_header(address_),
             "\r\nAccept: ", wanted.accept, "\r\nConnection: close\r\nContent-Length: ", wanted.body.size(), "\r\n");
  if (!token_.value.empty()) append(bytes, concat("Authorization: Bearer ", token_.value, "\r\n"));
  if (!wanted.body.empty()) bytes += "Content-Type: application/json\r\n";
  if (!wanted.if_match.empty()) append(bytes, concat("If-Match: ", wanted.if_match, "\r\n"));
  append(bytes, concat("\r\n", wanted.body));
  error = connection.wait(connection.socket->write(asio::buffer(bytes)));
  if (error) return fail(broken(address_, error));
  while (!error && !connection.parser.is_header_done()) error = connection.advance();
  if (error) return fail(broken(address_, error));
  if (debug_ != nullptr)
    *debug_ << concat("entropy: ", wanted.method, " ", wanted.target, " -> ", connection.parser.get().result_int(),
                      "\n");
  return {};
}

Result<json::value> Client::call(std::string_view method, std::string_view target, const json::value& body,
                                 std::string_view if_match) const {
  Connection connection;
  const auto sent =
      send(connection, {method, target, "application/json", body.is_null() ? "" : policy::print_json(body), if_match});
  if (!sent) return fail(sent.error());
  error_code error;
  while (!error && !connection.parser.is_done()) error = connection.advance();
  if (error) return fail(broken(address_, error));
  const auto& response = connection.parser.get();
  if (response.result_int() >= 300) return fail(refusal(response.result_int(), response.body()));
  if (response.body().empty()) return json::value(nullptr);
  auto value = policy::parse_json(response.body());
  if (!value) return fail(context(concat(to_string(address_), " does not answer as Entropy does"), value.error()));
  return value;
}

Result<> Client::stream(std::string_view target, std::string_view accept,
                        const std::function<bool(std::string_view)>& on_bytes) const {
  Connection connection;
  const auto sent = send(connection, {"GET", target, accept});
  if (!sent) return fail(sent.error());
  auto& parser = connection.parser;
  const unsigned status = parser.get().result_int();
  error_code error;
  std::string refused;
  while (!parser.is_done() && !error) {
    error = connection.advance();
    const std::string bytes = std::exchange(parser.get().body(), {});
    if (status >= 300) {
      refused += bytes;
    } else if (!bytes.empty() && !on_bytes(bytes)) {
      return {};
    }
  }
  if (error) return fail(broken(address_, error));
  if (status >= 300) return fail(refusal(status, refused));
  return {};
}

Error Client::refusal(unsigned status, std::string_view body) const {
  if (status == 401) {
    const std::string_view state = token_.value.empty() ? "no token found" : "the token is refused";
    return {ErrorCode::permission,
            concat(state, " (looked in: ", token_.source,
                   "); --token or ENTROPY_TOKEN gives it, or run as the user of `entropy manage`")};
  }
  const auto value = policy::parse_json(body);
  const auto* object = value ? value->if_object() : nullptr;
  if (object == nullptr) {
    return {ErrorCode::protocol,
            concat(to_string(address_), " answered ", status, " and no problem details: is it Entropy?")};
  }
  Error error{code_of(status), text_of(*object, "detail")};
  const auto* fields = object->if_contains("errors");
  if (fields == nullptr || !fields->is_array()) return error;
  for (const auto& each : fields->get_array()) {
    if (each.is_object())
      error.fields.push_back({text_of(each.get_object(), "field"), text_of(each.get_object(), "message")});
  }
  return error;
}

}  // namespace entropy::cli
