// A network of addresses: an IPv4 or IPv6 address and how many of its first bits count (RFC 4632). One address alone
// is a network, too.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace entropy {

struct Prefix {
  bool ipv6 = false;
  std::array<std::uint8_t, 16> bytes = {};  // network order; IPv4 in the first four; 0 beyond `length`
  unsigned length = 0;                      // bits
  auto operator<=>(const Prefix&) const = default;
};

// "10.0.0.3", "10.0.0.0/24", "fd00::/8". Bits beyond the length are dropped.
Result<Prefix> parse_prefix(std::string_view text);
// "10.0.0.3", "10.0.0.0/24".
std::string to_string(const Prefix& prefix);

}  // namespace entropy
