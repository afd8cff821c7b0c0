#include "cli/client.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <ostream>

#include "base/text.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using boost::system::error_code;

struct Client::Connection {
  asio::io_context context;
  asio::generic::stream_protocol::socket socket{context};
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

error_code connect(const Address& address, asio::io_context& context, asio::generic::stream_protocol::socket& socket) {
  error_code error;
  if (address.kind == Address::Kind::unix_socket) {
    asio::local::stream_protocol::socket local(context);
    local.connect(asio::local::stream_protocol::endpoint(address.path), error);
    socket = std::move(local);
    return error;
  }
  asio::ip::tcp::resolver resolver(context);
  const auto found = resolver.resolve(address.host, concat(address.port), error);
  if (error) return error;
  asio::ip::tcp::socket tcp(context);
  asio::connect(tcp, found, error);
  socket = std::move(tcp);
  return error;
}

std::string host_header(const Address& address) {
  if (address.kind == Address::Kind::unix_socket) return "localhost";
  return to_string(address).substr(std::string_view("tcp://").size());
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
  error_code error = connect(address_, connection.context, connection.socket);
  if (error) return fail(unreachable(address_, error));
  http::request<http::string_body> request;
  request.method_string(wanted.method);
  request.target(wanted.target);
  request.set(http::field::host, host_header(address_));
  request.set(http::field::accept, wanted.accept);
  request.set(http::field::connection, "close");
  if (!token_.value.empty()) request.set(http::field::authorization, concat("Bearer ", token_.value));
  if (!wanted.body.empty()) request.set(http::field::content_type, "application/json");
  if (!wanted.if_match.empty()) request.set(http::field::if_match, wanted.if_match);
  request.body() = std::move(wanted.body);
  request.prepare_payload();
  http::write(connection.socket, request, error);
  if (error) return fail(broken(address_, error));
  connection.parser.body_limit(boost::none);
  http::read_header(connection.socket, connection.buffer, connection.parser, error);
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
  http::read(connection.socket, connection.buffer, connection.parser, error);
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
    http::read_some(connection.socket, connection.buffer, parser, error);
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
