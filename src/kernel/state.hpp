// What the kernel of one network namespace shall do to traffic, whatever makes it so. A plain value: it is asked for,
// read back and compared. Applies to IPv4 and IPv6 packets on every interface but `lo`; ARP and IPv6 neighbour
// discovery pass, so that a fault is one of the path and not of the link.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/prefix.hpp"
#include "base/units.hpp"
#include "kernel/match.hpp"

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

// Lines that are good and bad in turns; chances of each packet, 0..1. See failure/loss.hpp.
struct GilbertElliott {
  double p = 0;  // to turn bad
  double r = 0;  // to turn good
  double h = 0;  // to survive on a bad line
  double k = 1;  // to survive on a good line
  bool operator==(const GilbertElliott&) const = default;
};
struct Markov {
  double p13 = 0;
  double p31 = 0;
  double p32 = 0;
  double p23 = 0;
  double p14 = 0;
  bool operator==(const Markov&) const = default;
};
using LossModel = std::variant<GilbertElliott, Markov>;

// No more than so many bits a second. What would wait too long gets lost.
struct RateCap {
  std::uint64_t bits = 0;
  std::uint32_t burst = 0;     // bytes that may pass at once; 0: see `burst_of`
  std::uint32_t overhead = 0;  // bytes that each packet counts more
  bool operator==(const RateCap&) const = default;
};

enum class Cut { none, drop, reject };

// All that happens to the packets of one class. Those that come out of it went through: models of loss, delays,
// reorders, the rate; independent loss, duplication and corruption are dice of their own.
struct Effect {
  std::vector<Delay> delays = {};
  std::vector<Reorder> reorders = {};
  double loss = 0;  // 0..1, independent per packet
  Cut cut = Cut::none;
  std::vector<LossModel> models = {};
  double duplicate = 0;  // 0..1
  double corrupt = 0;    // 0..1
  std::optional<RateCap> rate = {};
  bool operator==(const Effect&) const = default;

  // Whether packets go through a queue of ours or a qdisc, which holds or judges them one by one.
  bool holds_packets() const {
    return !delays.empty() || !reorders.empty() || !models.empty() || corrupt > 0 || rate.has_value();
  }
  bool empty() const { return !holds_packets() && loss == 0 && cut == Cut::none && duplicate == 0; }
};

// Packets that share a fate.
struct Class {
  std::string name;  // says whose doing it is; in one direction no other class has it
  Match match;
  Effect effect;
  bool operator==(const Class&) const = default;
};

// A packet belongs to the first class that it fits; no class, no harm.
struct Traffic {
  std::vector<Class> classes;

  Traffic() = default;
  explicit Traffic(std::vector<Class> all) : classes(std::move(all)) {}
  Traffic(Effect of_everything) {
    if (!of_everything.empty()) classes.push_back({"all", {}, std::move(of_everything)});
  }
  bool operator==(const Traffic&) const = default;
  bool empty() const { return classes.empty(); }
  bool any(auto has) const {
    return std::ranges::any_of(classes, [&](const Class& each) { return has(each.effect); });
  }
  bool holds_packets() const {
    return any([](const Effect& effect) { return effect.holds_packets(); });
  }
};

// As many as the bands of a prio qdisc beside the one for everybody else.
inline constexpr std::size_t most_classes = 15;

// What a resolver is made to hear of a name.
enum class Denial { nxdomain, servfail, refused, none };  // `none`: nothing
using Hearsay = std::variant<Denial, Prefix>;             // or a single address

// Answers to look-ups of some names wait, or are others than they were. All that fit a name wait for each other; the
// first that has an answer gives it.
struct NameFault {
  std::string name;                // says whose doing it is; no class of traffic nor other of these has it
  std::vector<std::string> names;  // "db", "*.example.com", "*", in lower case; one has to fit
  Duration delay{0};
  std::optional<Hearsay> answer = {};
  bool operator==(const NameFault&) const = default;
};

struct State {
  Traffic egress = {};
  Traffic ingress = {};
  std::vector<NameFault> names = {};
  bool operator==(const State&) const = default;
  bool empty() const { return egress.empty() && ingress.empty() && names.empty(); }
};

// The nearest state that a kernel can be made to hold, which is what is read back: shares of loss and duplicates in
// steps of 10^-9 between 0 and 1.
State canonical(State state);

// Bytes that may pass at once where nothing else is said: a few milliseconds' worth, and never less than two packets.
inline std::uint32_t burst_of(const RateCap& rate) {
  constexpr std::uint64_t least = 3200;
  constexpr std::uint64_t part_of_second = 250;
  if (rate.burst != 0) return rate.burst;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(rate.bits / 8 / part_of_second, least, 64u << 20));
}
// Bytes that may wait: a tenth of a second's worth, and never less than twenty packets.
inline std::uint32_t queue_of(const RateCap& rate) {
  constexpr std::uint64_t least = 30'000;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(rate.bits / 8 / 10, least, 256u << 20));
}

// What has happened to packets.
struct Counters {
  std::uint64_t matched = 0;  // those that it is for
  std::uint64_t dropped = 0;
  std::uint64_t delayed = 0;  // or otherwise held or judged one by one
  std::uint64_t duplicated = 0;
  std::uint64_t altered = 0;  // answers to look-ups that were made others
  bool operator==(const Counters&) const = default;
};
void add(Counters& sum, const Counters& more);

// By the names of classes and name faults, both directions together; since a fault began in a namespace that had none.
// The figures stay to be read after the last fault has ended, until the next begins.
using Tally = std::map<std::string, Counters, std::less<>>;
void add(Tally& sum, const Tally& more);

// A TCP connection as its socket sees it; the counts are since it was opened.
struct TcpConnection {
  std::uint64_t cookie = 0;  // tells it from all others
  Duration rtt{0};           // smoothed round-trip time (RFC 6298)
  std::uint64_t segments_out = 0;
  std::uint64_t segments_in = 0;
  std::uint64_t retransmitted = 0;
  Prefix peer = {};  // an IPv4 address that is mapped into IPv6 is one of IPv4
  std::uint16_t port = 0;
  std::uint16_t peer_port = 0;
  bool operator==(const TcpConnection&) const = default;
};
// Whether its packets fit, as far as it is known: not by which interface they go.
bool fits(const Match& match, const TcpConnection& connection);

}  // namespace entropy::kernel
