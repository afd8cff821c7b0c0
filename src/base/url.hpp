// Percent-encoding of URLs (RFC 3986, section 2.1) and of query strings as HTML forms write them ('+' is a space).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace entropy {

// Everything but letters, digits and "-._~" becomes %XX: fit for one path segment or one query value.
std::string percent_encode(std::string_view text);

enum class Plus { literal, space };
// None where a % is not followed by two hexadecimal digits, or where the result has a NUL.
std::optional<std::string> percent_decode(std::string_view text, Plus plus);

using Query = std::vector<std::pair<std::string, std::string>>;
// "a=1&b=&c" in the order given; none if it is not well encoded.
std::optional<Query> parse_query(std::string_view text);
// With the '?' in front, or empty.
std::string print_query(const Query& query);

// An address that a GET can be sent to: "http://web:8080/health?full=1", "https://[::1]/".
struct HttpUrl {
  bool tls = false;
  std::string host;  // IPv6 without its brackets
  std::uint16_t port = 0;
  std::string target;  // path and query as given, at least "/"
  bool operator==(const HttpUrl&) const = default;
};
// ErrorCode::invalid: another scheme, a user or password in it, a fragment, characters that have to be encoded, more
// than 2048 of them.
Result<HttpUrl> parse_http_url(std::string_view text);

}  // namespace entropy
