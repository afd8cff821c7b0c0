// State <-> qdiscs: which netems hold packets as an effect says, and what leads there. Pure functions.
//
// Per interface: a prio whose classes 4e54:1 to 4e54:3 are the ordinary way, and under the class 4e54:4, which only our
// rules send packets to, a chain of netems, each the child of the one before. On `ent0`, an ifb device that our rules
// send arriving packets through, the chain is at the root. In the chain: the plain delays, summed up; every delay with
// jitter; every reorder. Packets pass them in this order. Jitter alone never reorders.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kernel/state.hpp"
#include "kernel/tc.hpp"

namespace entropy::kernel {

inline constexpr std::string_view ingress_device = "ent0";

// "NT", by which a prio of ours is known; the netems follow.
inline constexpr std::uint32_t prio_handle = 0x4e54'0000;
inline constexpr std::uint32_t held_class = prio_handle | 4;
inline constexpr std::uint32_t first_netem = 0x4e55'0000;
inline constexpr std::size_t most_netems = 8;  // in one chain

// Who loses and drops packets: the rules, or the first netem.
enum class Losing { rules, netem };

// The netems that do to packets as an effect says; an error says what netem can't do.
Result<std::vector<tc::Netem>> netems_for(const Effect& effect, Losing losing = Losing::rules);

// What hangs from an interface of the target's, and from the ifb device; nothing if there is nothing to do.
Result<std::vector<tc::Qdisc>> egress_qdiscs(const Effect& effect, std::uint32_t device, Losing losing = Losing::rules);
Result<std::vector<tc::Qdisc>> ingress_qdiscs(const Effect& effect, std::uint32_t device);

// Whether a qdisc is one that we make.
bool is_ours(const tc::Qdisc& qdisc);

// A qdisc at the root of a device that somebody else has put there: not ours and not the kernel's default.
bool is_foreign_root(const tc::Qdisc& qdisc);

// Qdiscs that have to be added and changed, in this order, to make `kernel` into `wanted`. A netem that isn't wanted
// below one that is becomes one that does nothing, since removing it would lose what it holds. All netems count as
// different where `renew`: the kernel doesn't tell which distribution it has.
struct QdiscChanges {
  std::vector<tc::Qdisc> added;
  std::vector<tc::Qdisc> changed;
};
QdiscChanges qdisc_changes(const std::vector<tc::Qdisc>& kernel, const std::vector<tc::Qdisc>& wanted, bool renew);

// Our roots in the kernel on devices for which nothing is wanted.
std::vector<tc::Qdisc> surplus_roots(const std::vector<tc::Qdisc>& kernel, const std::vector<tc::Qdisc>& wanted);

// Nullopt if the kernel's qdiscs of ours do just what is wanted, else the first difference.
std::optional<std::string> difference(const std::vector<tc::Qdisc>& kernel, const std::vector<tc::Qdisc>& wanted);

}  // namespace entropy::kernel
