// Percent-encoding of URLs (RFC 3986, section 2.1) and of query strings as HTML forms write them ('+' is a space).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

}  // namespace entropy
