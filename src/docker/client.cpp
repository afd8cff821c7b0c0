#include "docker/client.hpp"

#include <set>

#include "base/text.hpp"
#include "docker/decode.hpp"

namespace entropy::docker {
namespace {

constexpr ApiVersion oldest{1, 41};
constexpr ApiVersion newest{1, 47};

ErrorCode code_of(unsigned status) {
  switch (status) {
    case 400:
      return ErrorCode::invalid;
    case 401:
    case 403:
      return ErrorCode::permission;
    case 404:
      return ErrorCode::not_found;
    case 409:
      return ErrorCode::conflict;
    case 501:
      return ErrorCode::unsupported;
    default:
      return status >= 500 ? ErrorCode::unavailable : ErrorCode::protocol;
  }
}

// Whether the engine was there, and of the version that was negotiated.
bool answered(const Error& error) {
  return error.code != ErrorCode::unavailable && error.code != ErrorCode::timeout &&
         error.code != ErrorCode::unsupported;
}

bool is_success(const Head& head) {
  constexpr unsigned switching_protocols = 101;
  constexpr unsigned not_modified = 304;  // was so already
  return head.status == switching_protocols || head.status == not_modified || head.status / 100 == 2;
}

Task<Head> exchange(std::shared_ptr<Connection> connection, Request request) {
  auto opened = co_await connection->open();
  if (!opened) co_return fail(std::move(opened.error()));
  co_return co_await connection->exchange(std::move(request));
}

std::string outcome_of(const Result<Head>& head) {
  if (head) return std::to_string(head->status);
  if (head.error().code == ErrorCode::timeout) return "timeout";
  return head.error().code == ErrorCode::protocol ? "protocol" : "unreachable";
}

}  // namespace

std::string operation_of(std::string_view method, std::string_view target) {
  // Of /containers/create and /containers/json; any other second part is a name or an id.
  static const std::set<std::string_view> verbs = {"json", "create", "load", "prune", "search"};
  std::vector<std::string_view> parts = split(target.substr(0, target.find('?')), '/');
  parts.erase(parts.begin());
  const bool versioned = parts.size() > 1 && parts[0].starts_with('v') && parse_api_version(parts[0].substr(1));
  if (versioned) parts.erase(parts.begin());
  if (parts.size() > 1 && !verbs.contains(parts[1])) parts[1] = "{id}";
  return concat(method, " /", join(parts, "/"));
}

Result<ApiVersion> parse_api_version(std::string_view text) {
  const auto pieces = split(text, '.');
  if (pieces.size() == 2) {
    const auto major = parse_unsigned(pieces[0]);
    const auto minor = parse_unsigned(pieces[1]);
    if (major && minor && *major < 1000 && *minor < 1000) {
      return ApiVersion{static_cast<int>(*major), static_cast<int>(*minor)};
    }
  }
  return fail(ErrorCode::protocol, concat(quoted(text.substr(0, 40)), " is not an API version"));
}

std::string to_string(ApiVersion version) { return concat(version.major, ".", version.minor); }

Client::Client(asio::any_io_executor executor, Address address, EngineOptions options)
    : executor_(std::move(executor)), address_(std::move(address)), options_(std::move(options)) {}

Error Client::about(Error error) const { return context(concat("engine at ", address_.text), std::move(error)); }

Error Client::refusal(const Head& head, const std::string& body) const {
  const std::string message = decode_message(body);
  if (message.starts_with("client version ")) {
    return about({ErrorCode::unsupported,
                  concat(message, " (Entropy speaks ", to_string(oldest), " to ", to_string(newest), ")"),
                  {}});
  }
  if (!message.empty()) return about({code_of(head.status), message, {}});
  // A proxy's page would only hide what happened.
  const std::string type = head.content_type.empty() ? "no content" : head.content_type;
  return about(
      {code_of(head.status),
       concat("HTTP status ", head.status, " with ", type, " instead of the engine's JSON (a proxy in between?)"),
       {}});
}

Task<Head> Client::begin(std::shared_ptr<Connection> connection, Request request, Duration limit) {
  const std::string operation = operation_of(request.method, request.target);
  connection->expires_after(limit);
  auto head = co_await exchange(connection, std::move(request));
  if (options_.on_request) options_.on_request(operation, outcome_of(head));
  if (!head || is_success(*head)) co_return head;
  auto body = co_await connection->read_body();
  if (!body) co_return fail(std::move(body.error()));
  co_return fail(refusal(*head, *body));
}

Result<ApiVersion> Client::choose(const Head& head) const {
  if (head.api_version.empty()) {
    return fail(about({ErrorCode::protocol, "its answer names no API version: is it a Docker engine?", {}}));
  }
  const auto theirs = parse_api_version(head.api_version);
  if (!theirs) return fail(about(theirs.error()));
  if (*theirs < oldest) {
    return fail(ErrorCode::unsupported, concat("engine at ", address_.text, " speaks API ", to_string(*theirs),
                                               "; Entropy needs ", to_string(oldest), " (Docker 20.10) or newer"));
  }
  return std::min(*theirs, newest);
}

Task<ApiVersion> Client::negotiate() {
  version_.reset();
  const auto connection = std::make_shared<Connection>(executor_, address_, options_.tls);
  Request request;
  request.target = "/_ping";
  auto head = co_await begin(connection, std::move(request), options_.call_timeout);
  if (!head) co_return fail(std::move(head.error()));
  auto chosen = choose(*head);
  if (chosen) version_ = *chosen;
  co_return chosen;
}

Task<std::shared_ptr<Connection>> Client::open(Request request, Duration limit) {
  if (!version_) {
    auto negotiated = co_await negotiate();
    if (!negotiated) co_return fail(std::move(negotiated.error()));
  }
  request.target.insert(0, concat("/v", to_string(version_.value_or(newest))));
  auto connection = std::make_shared<Connection>(executor_, address_, options_.tls);
  auto head = co_await begin(connection, std::move(request), limit);
  if (head) co_return connection;
  // It may be another engine, of another version, that comes back.
  if (!answered(head.error())) version_.reset();
  co_return fail(std::move(head.error()));
}

Task<std::string> Client::call(Request request, Duration limit) {
  auto connection = co_await open(std::move(request), limit);
  if (!connection) co_return fail(std::move(connection.error()));
  co_return co_await (*connection)->read_body();
}

}  // namespace entropy::docker
