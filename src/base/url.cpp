#include "base/url.hpp"

#include <algorithm>

#include "base/address.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace entropy {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text, Plus plus) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::space) {
      out += ' ';
    } else if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::optional<Query> parse_query(std::string_view text) {
  Query query;
  for (const std::string_view piece : split(text, '&')) {
    if (piece.empty()) continue;
    const auto equals = std::min(piece.find('='), piece.size());
    auto key = percent_decode(piece.substr(0, equals), Plus::space);
    auto value = percent_decode(piece.substr(std::min(equals + 1, piece.size())), Plus::space);
    if (!key || !value) return std::nullopt;
    query.emplace_back(std::move(*key), std::move(*value));
  }
  return query;
}

std::string print_query(const Query& query) {
  std::string out;
  for (const auto& [key, value] : query) {
    append(out, concat(out.empty() ? "?" : "&", percent_encode(key), "=", percent_encode(value)));
  }
  return out;
}

namespace {

std::unexpected<Error> no_url(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid,
              concat(quoted(text.substr(0, 80)), " is no address as http://HOST[:PORT]/PATH: ", why));
}

// "host", "host:8080", "[::1]:8080".
bool read_authority(std::string_view text, HttpUrl& url) {
  const auto split = split_host(text);
  if (!split) return false;
  const auto& [host, port] = *split;
  if (text.starts_with('[')) {
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
  } else {
    const auto is_of_a_name = [](char c) { return is_unreserved(c) && c != '~'; };
    if (!std::ranges::all_of(host, is_of_a_name)) return false;
  }
  url.host = host;
  if (!port.empty()) {
    if (!port.starts_with(':')) return false;
    const auto number = parse_unsigned(port.substr(1));
    if (!number || *number == 0 || *number > 65535) return false;
    url.port = static_cast<std::uint16_t>(*number);
  }
  return !url.host.empty();
}

}  // namespace

Result<HttpUrl> parse_http_url(std::string_view text) {
  constexpr std::size_t longest = 2048;
  if (text.size() > longest) return no_url(text, "it is longer than 2048 characters");
  for (const char c : text) {
    if (c <= ' ' || c >= 127 || c == '"' || c == '<' || c == '>' || c == '\\')
      return no_url(text, "it has characters that must be written as %XX");
  }
  HttpUrl url;
  std::string_view rest;
  if (text.starts_with("http://")) {
    rest = text.substr(7);
  } else if (text.starts_with("https://")) {
    rest = text.substr(8);
    url.tls = true;
  } else {
    return no_url(text, "only http and https can be asked");
  }
  url.port = url.tls ? 443 : 80;
  const auto end = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, end);
  if (authority.contains('@')) return no_url(text, "a user or password in it would be kept and shown");
  if (!read_authority(authority, url)) return no_url(text, "it names no host and port");
  url.target = end == std::string_view::npos ? "" : rest.substr(end);
  if (url.target.contains('#')) return no_url(text, "what follows a # is not sent");
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

}  // namespace entropy
