// State <-> qdiscs: which netems hold packets as an effect says, and what leads there. Pure functions.
//
// Per interface, and on `ent0`, an ifb device that our rules send arriving packets through: a prio whose first class
// is the ordinary way, and for each class of traffic one to which only our rules send packets, with a chain of netems
// and at its end a token bucket, each the child of the one before. In the chain: the plain delays, summed up, with
// corruption (and with loss, where the rules can't lose); every model of loss; every delay with jitter; every reorder;
// the rate. Packets pass them in this order. Jitter alone never reorders.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "kernel/slots.hpp"
#include "kernel/state.hpp"
#include "kernel/tc.hpp"

namespace entropy::kernel {

inline constexpr std::string_view ingress_device = "ent0";

// "NT", by which a prio of ours is known; the chains of the slots follow, `most_in_chain` handles each.
inline constexpr std::uint32_t prio_handle = 0x4e54'0000;
inline constexpr std::uint32_t first_held_class = prio_handle | 2;
inline constexpr std::uint32_t first_netem = 0x4e55'0000;
inline constexpr std::size_t most_in_chain = 8;  // the last is the token bucket's

// Who loses and drops packets: the rules, or the first netem.
enum class Losing { rules, netem };

// What does to packets as an effect says, in their order; an error says what netem can't do.
using Options = std::variant<std::monostate, tc::Prio, tc::Netem, tc::Tbf>;
Result<std::vector<Options>> chain_for(const Effect& effect, Losing losing = Losing::rules);

// What hangs from an interface; nothing if there is nothing to do.
Result<std::vector<tc::Qdisc>> qdiscs_for(const Traffic& traffic, const Slots& slots, std::uint32_t device,
                                          Losing losing = Losing::rules);

// Whether a qdisc is one that we make.
bool is_ours(const tc::Qdisc& qdisc);

// A qdisc at the root of a device that somebody else has put there: not ours and not the kernel's default.
bool is_foreign_root(const tc::Qdisc& qdisc);

// Qdiscs that have to be removed, added and changed, in this order, to make `kernel` into `wanted`. A netem that isn't
// wanted on an interface that has others becomes one that does nothing, since removing it would lose what it holds;
// only what is in the way of another kind of chain is removed. All netems count as different where `renew`: the kernel
// doesn't tell which distribution it has.
struct QdiscChanges {
  std::vector<tc::Qdisc> removed;
  std::vector<tc::Qdisc> added;
  std::vector<tc::Qdisc> changed;
};
QdiscChanges qdisc_changes(const std::vector<tc::Qdisc>& kernel, const std::vector<tc::Qdisc>& wanted, bool renew);

// Our roots in the kernel on devices for which nothing is wanted.
std::vector<tc::Qdisc> surplus_roots(const std::vector<tc::Qdisc>& kernel, const std::vector<tc::Qdisc>& wanted);

// Whether any of ours on the device holds packets.
bool holds_any(const std::vector<tc::Qdisc>& kernel, std::uint32_t device);

// What those of ours on a device have dropped, each packet once, by slot.
std::map<unsigned, std::uint64_t> dropped_on(std::uint32_t device, const std::vector<tc::Qdisc>& kernel);

// Nullopt if the kernel's qdiscs of ours do just what is wanted, else the first difference.
std::optional<std::string> difference(const std::vector<tc::Qdisc>& kernel, const std::vector<tc::Qdisc>& wanted);

}  // namespace entropy::kernel
