// State <-> nftables: which tables, chains and rules make the wanted state, which state the kernel's rules make, and
// the batch that leads from the one to the other. Pure functions.
//
// In each hook packets go to a chain of their class, which does with them whatever is to be done there; the first class
// that they fit takes them.
//
// Egress packets are held as copies. A queued packet stays charged to its socket, so holding the target's own packets
// would throttle TCP (small queues) and UDP (send buffer) far below what the delayed path could carry: the copy is
// held, marked with one bit that is taken off again, and the original goes at once to `lo`, which drops it silently.
// Datagrams that have to be fragmented are held themselves: the kernel gets the memory accounts of such a copy wrong
// (seen on 6.18: truesize below zero), and then no fragment at all is put together on the other side of a veth.
// Duplicates are made by nftables' `dup` as well: of what leaves in postrouting, of what arrives at the very end, sent
// to its own destination over `lo`, where no route is looked up for it again. Everything else that takes packets away
// sits in the netdev hooks, where the sender sees no error.
//
// Answers of name servers are queued on their way in, when Docker's address translation has given them back the source
// that was asked: so Docker's own resolver on `lo` is one like any other.
//
// Kernels before 5.16 have no egress hook. There the netem backend classifies in postrouting, and its qdiscs lose what
// is to be lost of egress.
//
// Every rule but the disposal of originals passes packets of interfaces that are in neither of the sets of the living,
// whose elements fade unless they are renewed: a frozen owner disturbs nobody. There are two because a packet that is
// on its way through the rules while a set is renewed may find it empty: they are renewed in turns.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/nft.hpp"
#include "kernel/slots.hpp"
#include "kernel/state.hpp"

namespace entropy::kernel {

inline constexpr std::string_view table_name = "entropy";
inline constexpr std::array<std::string_view, 2> alive_sets = {"alive", "alive2"};
inline constexpr std::chrono::milliseconds alive_timeout{1500};

// Stands in the sets of the living for the queue of names, which is for all interfaces, `lo` too. None is called so.
inline constexpr std::string_view alive_names = "/names";

// The bit that tells copies from originals in the packet mark; applications must not use it while packets are held.
inline constexpr std::uint32_t copy_mark = 0x10000000;

// Comments of the rules that count; by them their figures are told apart.
namespace comment {
inline constexpr std::string_view matched = "matched";
inline constexpr std::string_view held = "held";
inline constexpr std::string_view doubled = "doubled";
inline constexpr std::string_view lost = "lost";
inline constexpr std::string_view cut = "cut";
inline constexpr std::string_view reset = "reset";
inline constexpr std::string_view unreachable = "unreachable";
inline constexpr std::string_view originals = "originals";
}  // namespace comment

// Where packets are held: in queues of this process, or in qdiscs of the kernel, which dispense with copies. There the
// egress hook gives a packet the priority that names the class with the delay, and the ingress hook sends it through an
// ifb device, which brings it back to where it was.
enum class Holder { queues, qdiscs };

// What the rules refer to besides the state.
struct Surroundings {
  std::vector<std::string> interfaces;  // all that faults act on; never `lo`
  std::uint32_t loopback_index = 1;
  std::uint32_t smallest_mtu = 1500;  // of the interfaces
  std::uint16_t egress_queue = 0;     // of the class in slot 0; the others follow
  std::uint16_t ingress_queue = 0;
  bool native_queue = false;  // the kernel has nftables' queue expression
  bool ipv6 = true;
  Holder holder = Holder::queues;
  std::uint32_t held_class = 0;      // of slot 0, with qdiscs; the others follow
  std::uint32_t ingress_device = 0;  // its index, with qdiscs
  bool egress_hook = true;           // the kernel has it; without it packets are held by qdiscs
  Slots egress_slots = {};
  Slots ingress_slots = {};
  std::uint16_t name_queue = 0;
};

// Whether the rules send what leaves to the qdiscs.
bool passes_qdiscs(const Effect& egress, const Surroundings& around);

// No tables for the empty state.
std::vector<nft::Table> tables_for(const State& state, const Surroundings& surroundings);

// The state that tables as read from the kernel make: none if there are none, and else `held`, whose tables (no other
// state has the same, but for what is done to packets in user space or qdiscs) they have to be. The error says what
// differs.
Result<State> state_of(const std::vector<nft::Table>& tables, const State& held, const Surroundings& surroundings);

// Nullopt if the kernel's tables make just what is wanted, else the first difference, for people. What the kernel has
// besides must do nothing to new packets. Chains stay when their rules go, since removing a base chain makes the kernel
// drop all packets held in the namespace; and the disposal of originals stays, for those on their way to it.
std::optional<std::string> difference(const std::vector<nft::Table>& kernel, const std::vector<nft::Table>& wanted);

// One whole batch that makes `kernel` into `wanted`, without removing tables or chains. Chains that are right already
// are left alone (and keep counting).
void write_transition(Writer& out, const std::vector<nft::Table>& kernel, const std::vector<nft::Table>& wanted);

// Sets of their own batches, before the rules that use them and after those that did; false where there are none. A
// batch is not one step for a packet under way: it finds a set of the same batch without elements (seen on 6.18: of a
// flood against a partition, some thirty packets passed in a hundred changes of its peers).
bool write_new_sets(Writer& out, const std::vector<nft::Table>& kernel, const std::vector<nft::Table>& wanted);
bool write_set_removals(Writer& out, const std::vector<nft::Table>& kernel, const std::vector<nft::Table>& wanted);

// What remains of tables while they are taken away: new packets pass, and originals whose copies are held still
// disappear.
std::vector<nft::Table> draining(std::vector<nft::Table> tables);

// What the rules of each chain have counted, told apart by their comments; chains of one name are one.
Tally counted(const std::vector<nft::Table>& tables);

// The same of those that `write_transition` would replace; else it would be lost with them.
Tally counted_by_replaced(const std::vector<nft::Table>& kernel, const std::vector<nft::Table>& wanted);

}  // namespace entropy::kernel
