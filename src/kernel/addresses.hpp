// A set of IP addresses, as ranges: what networks make, what is in two of them, what is in one but not in another.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/prefix.hpp"

namespace entropy::kernel {

// As long as an IPv6 address; an IPv4 address is a small one.
__extension__ using AddressNumber = unsigned __int128;

struct AddressRange {
  AddressNumber first = 0;
  AddressNumber last = 0;
  bool operator==(const AddressRange&) const = default;
};
using AddressRanges = std::vector<AddressRange>;  // in order, with gaps between them

// Every address, unless made of some.
struct Addresses {
  AddressRanges ipv4 = {{0, 0xffffffff}};
  AddressRanges ipv6 = {{0, ~AddressNumber{0}}};
  bool operator==(const Addresses&) const = default;

  static Addresses of(const std::vector<Prefix>& prefixes);
  static Addresses none() { return {{}, {}}; }

  bool empty() const { return ipv4.empty() && ipv6.empty(); }
  bool is_every_ipv4() const { return ipv4 == Addresses{}.ipv4; }
  bool is_every_ipv6() const { return ipv6 == Addresses{}.ipv6; }
  bool is_every() const { return is_every_ipv4() && is_every_ipv6(); }
};

Addresses both(const Addresses& a, const Addresses& b);
Addresses without(const Addresses& a, const Addresses& b);

bool contains(const Addresses& addresses, const Prefix& address);

// For people: "10.0.0.3, 10.0.1.0/24 and 4 more", "all but 10.0.0.3", "nobody".
std::string to_string(const Addresses& addresses);

}  // namespace entropy::kernel
