// What the kernel of one network namespace shall do to traffic, whatever makes it so. A plain value: it is asked for,
// read back and compared. Applies to IPv4 and IPv6 packets on every interface but `lo`; ARP and IPv6 neighbour
// discovery pass, so that a fault is one of the path and not of the link.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace entropy::kernel {

enum class Distribution { uniform, normal, pareto, paretonormal };

// Every packet waits delay ± jitter. Several add up.
struct Delay {
  Duration delay{0};
  Duration jitter{0};
  double correlation = 0;  // of successive delays, 0..1
  Distribution distribution = Distribution::uniform;
  bool operator==(const Delay&) const = default;
};

// Packets wait `delay`, but for a share of them that goes ahead at once (netem's meaning). With `gap` n > 0, only
// every n-th packet may go ahead.
struct Reorder {
  double share = 0;  // 0..1
  Duration delay{0};
  double correlation = 0;
  unsigned gap = 0;
  bool operator==(const Reorder&) const = default;
};

enum class Cut { none, drop, reject };

// All that happens to the packets of one direction.
struct Effect {
  std::vector<Delay> delays;
  std::vector<Reorder> reorders;
  double loss = 0;  // 0..1, independent per packet
  Cut cut = Cut::none;
  bool operator==(const Effect&) const = default;
  bool holds_packets() const { return !delays.empty() || !reorders.empty(); }
  bool empty() const { return !holds_packets() && loss == 0 && cut == Cut::none; }
};

struct State {
  Effect egress;
  Effect ingress;
  bool operator==(const State&) const = default;
  bool empty() const { return egress.empty() && ingress.empty(); }
};

// What the namespace's counters have seen since a fault began in a namespace that had none; the figures stay to be
// read after the last fault has ended, until the next begins.
struct Counters {
  std::uint64_t matched = 0;  // packets that went through a fault's rules
  std::uint64_t dropped = 0;
  std::uint64_t delayed = 0;
};

// A TCP connection as its socket sees it; the counts are since it was opened.
struct TcpConnection {
  std::uint64_t cookie = 0;  // tells it from all others
  Duration rtt{0};           // smoothed round-trip time (RFC 6298)
  std::uint64_t segments_out = 0;
  std::uint64_t segments_in = 0;
  std::uint64_t retransmitted = 0;
  bool operator==(const TcpConnection&) const = default;
};

}  // namespace entropy::kernel
