#include "base/address.hpp"

#include <arpa/inet.h>

#include "base/text.hpp"
#include "base/units.hpp"

namespace entropy {
namespace {

std::unexpected<Error> bad_address(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid,
              concat(quoted(text), " is not an address: ", why, " (use tcp://HOST:PORT or unix:///PATH)"));
}

// What follows the host: nothing, or ":PORT".
Result<std::uint16_t> parse_port(std::string_view text, std::string_view rest, std::uint16_t default_port) {
  if (rest.empty()) return default_port;
  const auto number = rest.starts_with(':') ? parse_unsigned(rest.substr(1)) : fail(ErrorCode::invalid, "");
  if (!number || *number > UINT16_MAX) return bad_address(text, "the port is a number from 0 to 65535");
  return static_cast<std::uint16_t>(*number);
}

Result<Address> parse_tcp(std::string_view text, std::string_view rest, std::uint16_t default_port) {
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto split = split_host(rest);
  if (!split) return bad_address(text, "the bracket is not closed");
  Address address;
  address.host = split->host;
  if (address.host.empty()) return bad_address(text, "the host is missing");
  if (address.host.find_first_of("/@?#[] \t\r\n") != std::string::npos)
    return bad_address(text, "the host has a strange character");
  const auto port = parse_port(text, split->rest, default_port);
  if (!port) return fail(port.error());
  address.port = *port;
  return address;
}

}  // namespace

Result<Address> parse_address(std::string_view text, std::uint16_t default_port) {
  constexpr std::string_view unix_scheme = "unix://";
  constexpr std::size_t longest_path = 107;  // sockaddr_un
  if (text.starts_with(unix_scheme)) {
    const std::string_view path = text.substr(unix_scheme.size());
    if (!path.starts_with('/')) return bad_address(text, "the path of a Unix socket begins with /");
    if (path.size() > longest_path)
      return bad_address(text, "the path of a Unix socket is at most 107 characters long");
    return Address{Address::Kind::unix_socket, "", 0, std::string(path), false};
  }
  for (const std::string_view scheme : {"tcp://", "http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    auto address = parse_tcp(text, text.substr(scheme.size()), default_port);
    if (address) address->tls = scheme == "https://";
    return address;
  }
  if (text.find("://") != std::string_view::npos) return bad_address(text, "the scheme is unknown");
  return parse_tcp(text, text, default_port);
}

std::string to_string(const Address& address) {
  if (address.kind == Address::Kind::unix_socket) return concat("unix://", address.path);
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return concat(address.tls ? "https://" : "tcp://", ipv6 ? "[" : "", address.host, ipv6 ? "]" : "", ":", address.port);
}

std::optional<HostAndRest> split_host(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    return HostAndRest{text.substr(1, close - 1), text.substr(close + 1)};
  }
  const auto colon = std::min(text.find(':'), text.size());
  return HostAndRest{text.substr(0, colon), text.substr(colon)};
}

bool is_loopback_host(std::string_view host) {
  const std::string name(host);
  in_addr ipv4{};
  if (inet_pton(AF_INET, name.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
  in6_addr ipv6{};
  if (inet_pton(AF_INET6, name.c_str(), &ipv6) == 1) return IN6_IS_ADDR_LOOPBACK(&ipv6) != 0;
  return name == "localhost" || name.ends_with(".localhost");
}

bool is_local(const Address& address) {
  return address.kind == Address::Kind::unix_socket || is_loopback_host(address.host);
}

}  // namespace entropy
