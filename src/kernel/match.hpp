// Which packets of one direction a fault is for. A plain value; a packet has to fit everything that it says.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/addresses.hpp"

namespace entropy::kernel {

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  auto operator<=>(const PortRange&) const = default;
};
using PortRanges = std::vector<PortRange>;  // in order

// The same ports without overlaps; sorted ones go in.
PortRanges joined(PortRanges ranges);

enum class Transport { any, tcp, udp, icmp };  // icmp: of either IP version

struct Match {
  Addresses peers = {};                // of the other end: the destination of egress, the source of ingress
  std::vector<PortRanges> ports = {};  // of each list the source's or the destination's port of TCP or UDP is one
  Transport transport = Transport::any;
  std::vector<std::string> interfaces = {};  // in order; empty: all
  bool operator==(const Match&) const = default;
  bool is_everything() const { return *this == Match{}; }
};

// What fits both; nullopt if nothing can.
std::optional<Match> both(const Match& a, const Match& b);

// Whether only packets between two ports fit that both are below those that clients take for themselves (Linux: 32768).
bool names_two_services(const Match& match);

// For people: "to 10.0.0.3 tcp port 80, 8000-8010"; empty for everything.
std::string to_string(const Match& match, bool egress);

}  // namespace entropy::kernel
