#include "api/access.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "api/problem.hpp"
#include "base/address.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

enum class Rights { none, read, change };

Rights rights_of(const Request& request, const Options& options) {
  const std::string_view header = request.header("Authorization");
  constexpr std::string_view scheme = "bearer ";
  if (lower(header.substr(0, scheme.size())) != scheme) return Rights::none;
  const std::string_view given = trim(header.substr(scheme.size()));
  const auto is = [&](const std::string& token) { return !token.empty() && equal_in_constant_time(given, token); };
  const bool may_change = is(options.token);
  const bool may_read = is(options.read_token);
  return may_change ? Rights::change : may_read ? Rights::read : Rights::none;
}

bool only_looks(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

Response unknown_token(const Request& request) {
  Response response = problem(401, request.header("Authorization").empty()
                                       ? "a token is needed: send Authorization: Bearer TOKEN (the file `token` in "
                                         "the data directory of entropy manage has it)"
                                       : "the token is not one of this service (the files `token` and `token.read` in "
                                         "the data directory of entropy manage have them)");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"entropy\"");
  return response;
}

bool is_allowed_host(std::string_view host_and_port, const Options& options) {
  const auto address = parse_address(concat("tcp://", lower(host_and_port)), 0);
  if (!address) return false;
  const auto same = [&](const std::string& allowed) { return lower(allowed) == address->host; };
  return is_loopback_host(address->host) || std::ranges::any_of(options.allow_hosts, same);
}

// A page of another site can make a browser send requests here; it can't choose Host and Origin.
std::optional<Response> refuse_rebinding(const Request& request, const Options& options) {
  const auto refuse = [](std::string_view header, std::string_view value) {
    return problem(403, concat("the ", header, " ", quoted(value.substr(0, 200)),
                               " is not one of this service: entropy manage --allow-host NAME allows it"));
  };
  const std::string_view host = request.header("Host");
  if (!request.peer.over_unix_socket && !is_allowed_host(host, options)) return refuse("Host", host);
  const std::string_view origin = request.header("Origin");
  if (origin.empty()) return std::nullopt;
  const auto scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos || !is_allowed_host(origin.substr(scheme_end + 3), options)) {
    return refuse("Origin", origin);
  }
  return std::nullopt;
}

}  // namespace

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::expected<control::Caller, Response> admit(const Request& request, const Options& options) {
  const Rights rights = rights_of(request, options);
  std::string by = rights == Rights::change ? "token" : rights == Rights::read ? "read-only token" : "no token";
  if (!request.peer.certificate.empty()) append(by, concat(", certificate ", request.peer.certificate));
  if (rights == Rights::none && !options.no_auth) return std::unexpected(unknown_token(request));
  if (rights == Rights::none) {
    if (auto refusal = refuse_rebinding(request, options)) return std::unexpected(std::move(*refusal));
  }
  if (rights == Rights::read && !options.no_auth && !only_looks(request)) {
    return std::unexpected(
        problem(403, "this token may only read (GET): the one in the file `token` may change things"));
  }
  return control::Caller{std::move(by), request.peer.address};
}

}  // namespace entropy::api
