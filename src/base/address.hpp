// Where a service listens or is reached: "tcp://HOST[:PORT]" (also "http://"), "https://HOST[:PORT]", "unix:///PATH".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace entropy {

struct Address {
  enum class Kind { tcp, unix_socket };
  Kind kind = Kind::tcp;
  std::string host;  // a name or an IP address, IPv6 without its brackets
  std::uint16_t port = 0;
  std::string path;  // of the Unix socket
  bool tls = false;  // of tcp
  bool operator==(const Address&) const = default;
};

// ErrorCode::invalid says which forms there are.
Result<Address> parse_address(std::string_view text, std::uint16_t default_port);
std::string to_string(const Address& address);

// "localhost" and its subdomains (RFC 6761, section 6.3), 127.0.0.0/8, ::1; a Unix socket is local as well.
bool is_loopback_host(std::string_view host);
bool is_local(const Address& address);

// "db", "db:8080", "[::1]:8080" in two: the host without brackets, and what follows it. nullopt: a bracket is not
// closed.
struct HostAndRest {
  std::string_view host;
  std::string_view rest;
};
std::optional<HostAndRest> split_host(std::string_view text);

}  // namespace entropy
