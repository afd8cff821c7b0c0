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

bool has_token(const Request& request, const Options& options) {
  const std::string_view header = request.header("Authorization");
  constexpr std::string_view scheme = "bearer ";
  if (lower(header.substr(0, scheme.size())) != scheme || options.token.empty()) return false;
  return equal_in_constant_time(trim(header.substr(scheme.size())), options.token);
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
  if (!request.over_unix_socket && !is_allowed_host(host, options)) return refuse("Host", host);
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

std::optional<Response> refuse_access(const Request& request, const Options& options) {
  if (has_token(request, options)) return std::nullopt;
  if (options.no_auth) return refuse_rebinding(request, options);
  Response response = problem(401, request.header("Authorization").empty()
                                       ? "a token is needed: send Authorization: Bearer TOKEN (the file `token` in "
                                         "the data directory of entropy manage has it)"
                                       : "the token is not the one of this service (the file `token` in the data "
                                         "directory of entropy manage has it)");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"entropy\"");
  return response;
}

}  // namespace entropy::api
