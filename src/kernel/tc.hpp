// What Entropy puts into the kernel's traffic control, as values, and the links it needs there; their rtnetlink form,
// both ways, without a socket.
//
// Sources: include/uapi/linux/pkt_sched.h, rtnetlink.h, if_link.h; tc(8), tc-netem(8). Numbers are in the host's byte
// order here, unlike nfnetlink's.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernel/netlink.hpp"
#include "kernel/state.hpp"

namespace entropy::kernel::tc {

using Nanoseconds = std::chrono::nanoseconds;

inline constexpr std::uint32_t root_parent = 0xffffffff;  // TC_H_ROOT

// Bands of strict priority of which everything uses the first, but for packets whose priority names another class.
struct Prio {
  unsigned bands = 0;
  bool operator==(const Prio&) const = default;
};

// Chances as shares of 2^32 - 1; see kernel/state.hpp. The kernel wants the chance to get lost on a good line.
struct NetemGilbertElliott {
  std::uint32_t p = 0;
  std::uint32_t r = 0;
  std::uint32_t h = 0;
  std::uint32_t lost_when_good = 0;
  bool operator==(const NetemGilbertElliott&) const = default;
};
struct NetemMarkov {
  std::uint32_t p13 = 0;
  std::uint32_t p31 = 0;
  std::uint32_t p32 = 0;
  std::uint32_t p14 = 0;
  std::uint32_t p23 = 0;
  bool operator==(const NetemMarkov&) const = default;
};
using NetemModel = std::variant<std::monostate, NetemGilbertElliott, NetemMarkov>;

struct Netem {
  Nanoseconds latency{0};
  Nanoseconds jitter{0};
  std::uint32_t limit = 0;        // packets
  std::uint32_t gap = 0;          // 1 or more: packets may go ahead
  std::uint32_t ahead = 0;        // the share that goes ahead, of 2^32 - 1
  std::uint32_t correlation = 0;  // of going ahead, of 2^32 - 1
  std::uint32_t loss = 0;         // of 2^32 - 1
  std::uint32_t corrupt = 0;      // of 2^32 - 1
  NetemModel model = {};
  // A rate that never slows anything: with a rate, netem lets no packet leave before the one ahead of it.
  bool in_order = false;
  // The spread of the jitter, which travels as a table and which the kernel doesn't tell.
  Distribution distribution = Distribution::uniform;
  bool operator==(const Netem& other) const {
    return latency == other.latency && jitter == other.jitter && limit == other.limit && gap == other.gap &&
           ahead == other.ahead && correlation == other.correlation && loss == other.loss && corrupt == other.corrupt &&
           model == other.model && in_order == other.in_order;
  }
};

// A bucket of tokens: no more than a rate, what waits is limited.
struct Tbf {
  std::uint64_t rate = 0;      // bytes a second
  std::uint32_t burst = 0;     // bytes; the kernel tells it as a time, so that it reads back nearly the same
  std::uint32_t limit = 0;     // bytes
  std::uint32_t overhead = 0;  // bytes
  bool operator==(const Tbf& other) const {
    const auto [less, more] = std::minmax(burst, other.burst);
    const std::uint64_t in_a_tick = rate * 64 / 1'000'000'000;
    return rate == other.rate && limit == other.limit && overhead == other.overhead &&
           more - less <= 64 + more / 64 + in_a_tick;
  }
};

struct Qdisc {
  std::uint32_t device = 0;
  std::uint32_t handle = 0;
  std::uint32_t parent = 0;
  std::string kind;
  std::variant<std::monostate, Prio, Netem, Tbf> options;  // monostate: not as we make them
  std::uint32_t holding = 0;                               // packets now; no part of its identity, nor is
  std::uint32_t dropped = 0;                               // what it has dropped since it was made
  bool operator==(const Qdisc& other) const {
    return device == other.device && handle == other.handle && parent == other.parent && kind == other.kind &&
           options == other.options;
  }
};

// "4e54:" as tc(8) prints it.
std::string handle_text(std::uint32_t handle);

// netem's table of a distribution: 4096 quantiles in steps of jitter / 8192.
std::vector<std::int16_t> distribution_table(Distribution distribution);

void add_qdisc(Writer& out, const Qdisc& qdisc);     // refused where one is that isn't the default
void change_qdisc(Writer& out, const Qdisc& qdisc);  // what it holds stays
void delete_qdisc(Writer& out, const Qdisc& qdisc);  // what it holds is lost
void dump_qdiscs(Writer& out);
std::vector<Qdisc> decode_qdiscs(View answer);

void add_link(Writer& out, std::string_view name, std::string_view kind);
void disable_address_generation(Writer& out, std::uint32_t index);  // or IPv6 gives it a link-local address
void set_up(Writer& out, std::uint32_t index);
void delete_link(Writer& out, std::uint32_t index);

// Requests that every kernel refuses, but one that has the kind for another reason than one that hasn't. They load the
// module.
void try_qdisc_kind(Writer& out, std::uint32_t device, std::string_view kind);
inline constexpr int unknown_qdisc_kind = 2;  // ENOENT
void try_link_kind(Writer& out, std::string_view kind);
inline constexpr int unknown_link_kind = 95;  // EOPNOTSUPP

}  // namespace entropy::kernel::tc
