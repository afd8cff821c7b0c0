#include "kernel/ruleset.hpp"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.hpp"

namespace entropy::kernel {
namespace {

using nft::Chain;
using nft::Expression;
using nft::Family;
using nft::Rule;
using nft::Table;
using Expressions = std::vector<Expression>;

constexpr std::uint32_t loss_steps = 1'000'000'000;
// The whole mark of an original whose copy is held: "entr", which nobody else uses. It goes no further than the
// egress hook.
constexpr std::uint32_t disposed_mark = 0x656e7472;
// Behind the target's own firewall and address translation (nftables' "srcnat" is 100).
constexpr std::int32_t last_priority = 300;
constexpr std::uint32_t fragment_offset = 6;  // in the IPv4 header, below the flags
constexpr std::uint8_t dont_fragment = 0x40;
constexpr std::uint8_t tcp_reset_flag = 0x04;
constexpr std::uint32_t tcp_flags_offset = 13;
constexpr std::uint8_t first_discovery = 133;  // router solicitation; RFC 4861
constexpr std::uint8_t last_discovery = 137;   // redirect

template <class T>
Bytes value(T number) {
  const View bytes = bytes_of(number);
  return {bytes.begin(), bytes.end()};
}

Rule rule(std::string_view text, std::initializer_list<Expressions> parts) {
  Rule made = {std::string(text), {}};
  for (const auto& part : parts) made.expressions.insert(made.expressions.end(), part.begin(), part.end());
  return made;
}

const Expressions accept = {nft::Verdict{NF_ACCEPT}};
const Expressions count = {nft::Counter{}};

Expressions protocol_is(std::uint8_t protocol) {
  return {nft::LoadMeta{NFT_META_L4PROTO}, nft::Compare{NFT_CMP_EQ, {protocol}}};
}

Expressions icmp_type_is(std::uint8_t type) {
  return {nft::LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1}, nft::Compare{NFT_CMP_EQ, {type}}};
}

Expressions destination_type_is(std::uint32_t type) {
  return {nft::LoadDestinationType{}, nft::Compare{NFT_CMP_EQ, value(type)}};
}

Expressions network_protocol(std::uint32_t comparison, std::uint16_t ether_type) {
  return {nft::LoadMeta{NFT_META_PROTOCOL}, nft::Compare{comparison, value(htons(ether_type))}};
}

Expressions neighbour_discovery() {
  return {nft::LoadMeta{NFT_META_L4PROTO}, nft::Compare{NFT_CMP_EQ, {IPPROTO_ICMPV6}},
          nft::LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1}, nft::Compare{NFT_CMP_GTE, {first_discovery}},
          nft::Compare{NFT_CMP_LTE, {last_discovery}}};
}

enum class Direction { egress, ingress };

Rule pass_unless_alive(Direction direction) {
  const std::uint32_t key = direction == Direction::egress ? NFT_META_OIFNAME : NFT_META_IIFNAME;
  return rule("alive", {{nft::LoadMeta{key}, nft::Lookup{std::string(alive_set), true}}, accept});
}

Expressions to_queue(const Surroundings& around, std::uint16_t number) {
  if (around.native_queue) return {nft::Queue{number}};
  return {nft::CompatQueue{number}};
}

// Silent: neither the sender nor its TCP sees an error.
Expressions discard(Direction direction, const Surroundings& around) {
  if (direction == Direction::ingress) return {nft::Verdict{NF_DROP}};
  return {nft::LoadImmediate{value(around.loopback_index)}, nft::Forward{}};
}

// Longer than some interface takes, and neither TCP nor (IPv4) marked as not to be fragmented: those are cut to size
// by segmentation, not fragmented.
Expressions to_be_fragmented(Family family, const Surroundings& around) {
  Expressions is = {nft::LoadMeta{NFT_META_L4PROTO}, nft::Compare{NFT_CMP_NEQ, {IPPROTO_TCP}},
                    nft::LoadMeta{NFT_META_LEN}, nft::ToBigEndian{},
                    nft::Compare{NFT_CMP_GT, value(htonl(around.smallest_mtu))}};
  if (family == Family::ipv4) {
    is.push_back(nft::LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, fragment_offset, 1});
    is.push_back(nft::Mask{{dont_fragment}, {0}});
    is.push_back(nft::Compare{NFT_CMP_EQ, {0}});
  }
  return is;
}

// A copy with our bit to the same place; then the original gets the mark by which the egress hook disposes of it.
Expressions copy_and_dispose(Family family) {
  const auto [offset, length] = family == Family::ipv4 ? std::pair{16u, 4u} : std::pair{24u, 16u};
  return {nft::LoadMeta{NFT_META_MARK},
          nft::Mask{value(~copy_mark), value(copy_mark)},
          nft::StoreMeta{NFT_META_MARK},
          nft::LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, offset, length, NFT_REG_2},
          nft::LoadMeta{NFT_META_OIF, NFT_REG_3},
          nft::Duplicate{NFT_REG_2, NFT_REG_3},
          nft::LoadImmediate{value(disposed_mark)},
          nft::StoreMeta{NFT_META_MARK}};
}

Chain postrouting(Family family, const Surroundings& around) {
  Chain chain = {"postrouting", NF_INET_POST_ROUTING, last_priority, {}, {}};
  const Expressions is_copy = {nft::LoadMeta{NFT_META_MARK}, nft::Mask{value(copy_mark), value(0u)},
                               nft::Compare{NFT_CMP_EQ, value(copy_mark)}};
  chain.rules.push_back(rule(comment::held, {is_copy, count, to_queue(around, around.egress_queue)}));
  // The kernel loops group traffic back to local members, which would get a copied packet several times.
  if (family == Family::ipv4) {
    chain.rules.push_back(rule("broadcast", {destination_type_is(RTN_BROADCAST), accept}));
    chain.rules.push_back(rule("multicast", {destination_type_is(RTN_MULTICAST), accept}));
  } else {
    const Expressions to_group = {nft::LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, 24, 1},
                                  nft::Compare{NFT_CMP_EQ, {0xff}}};
    chain.rules.push_back(rule("multicast", {to_group, accept}));
    chain.rules.push_back(rule("neighbours", {neighbour_discovery(), accept}));
  }
  chain.rules.push_back(pass_unless_alive(Direction::egress));
  chain.rules.push_back(rule(comment::matched, {count}));
  chain.rules.push_back(
      rule(comment::held, {to_be_fragmented(family, around), count, to_queue(around, around.egress_queue)}));
  chain.rules.push_back(rule("hold", {copy_and_dispose(family)}));
  return chain;
}

// Resets and ICMP errors pass: they may be what a reject answers with, here or at the peer.
void append_reject(Chain& chain, Family family) {
  const bool v4 = family == Family::ipv4;
  const Expressions is_reset = {nft::LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, tcp_flags_offset, 1},
                                nft::Mask{{tcp_reset_flag}, {0}}, nft::Compare{NFT_CMP_EQ, {tcp_reset_flag}}};
  chain.rules.push_back(rule("resets pass", {protocol_is(IPPROTO_TCP), is_reset, accept}));
  const auto icmp = static_cast<std::uint8_t>(v4 ? +IPPROTO_ICMP : +IPPROTO_ICMPV6);
  chain.rules.push_back(rule("icmp errors pass",
                             {protocol_is(icmp), icmp_type_is(v4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH), accept}));
  chain.rules.push_back(rule(comment::reset, {protocol_is(IPPROTO_TCP), count, {nft::Reject{NFT_REJECT_TCP_RST, 0}}}));
  const std::uint8_t code = v4 ? ICMP_PORT_UNREACH : ICMPV6_PORT_UNREACH;
  chain.rules.push_back(rule(comment::unreachable, {count, {nft::Reject{NFT_REJECT_ICMP_UNREACH, code}}}));
}

bool holds_in(Holder holder, const Effect& effect, const Surroundings& around) {
  return effect.holds_packets() && around.holder == holder;
}

bool needs_device_chain(const Effect& effect, Direction direction, const Surroundings& around) {
  if (direction == Direction::egress && !around.egress_hook) return false;
  const bool disposes = direction == Direction::egress && holds_in(Holder::queues, effect, around);
  return effect.loss > 0 || effect.cut == Cut::drop || disposes || holds_in(Holder::qdiscs, effect, around);
}

// The chain for one direction in the inet hooks that see a packet of the target's own first (egress) or last (ingress).
Chain endpoint_chain(Family family, Direction direction, const Effect& effect, const Surroundings& around) {
  const bool out = direction == Direction::egress;
  Chain chain = {out ? "output" : "input", out ? NF_INET_LOCAL_OUT : NF_INET_LOCAL_IN, last_priority, {}, {}};
  if (family == Family::ipv6) chain.rules.push_back(rule("neighbours", {neighbour_discovery(), accept}));
  chain.rules.push_back(pass_unless_alive(direction));
  if (out || !needs_device_chain(effect, direction, around)) chain.rules.push_back(rule(comment::matched, {count}));
  if (effect.cut == Cut::reject) append_reject(chain, family);
  if (!out && holds_in(Holder::queues, effect, around)) {
    chain.rules.push_back(rule(comment::held, {count, to_queue(around, around.ingress_queue)}));
  }
  return chain;
}

Expressions unlucky(double share) {
  const auto below = static_cast<std::uint32_t>(std::lround(share * loss_steps));
  return {nft::Random{loss_steps}, nft::ToBigEndian{}, nft::Compare{NFT_CMP_LT, value(htonl(below))}};
}

Expressions to_held_class(const Surroundings& around) {
  return {nft::LoadImmediate{value(around.held_class)}, nft::StoreMeta{NFT_META_PRIORITY}};
}

// For kernels without the egress hook. With a reject, packets are counted where they are rejected.
Chain classifying(Family family, const Effect& effect, const Surroundings& around) {
  Chain chain = {"postrouting", NF_INET_POST_ROUTING, last_priority, {}, {}};
  if (family == Family::ipv6) chain.rules.push_back(rule("neighbours", {neighbour_discovery(), accept}));
  chain.rules.push_back(pass_unless_alive(Direction::egress));
  if (effect.cut != Cut::reject) chain.rules.push_back(rule(comment::matched, {count}));
  if (effect.holds_packets()) {
    chain.rules.push_back(rule(comment::held, {count, to_held_class(around)}));
  } else {
    chain.rules.push_back(rule(comment::steered, {to_held_class(around)}));
  }
  return chain;
}

Expressions through_ingress_device(const Surroundings& around) {
  return {nft::LoadImmediate{value(around.ingress_device)}, nft::Forward{}};
}

Chain device_chain(const std::string& device, Direction direction, const Effect& effect, const Surroundings& around) {
  const bool out = direction == Direction::egress;
  const bool by_qdiscs = holds_in(Holder::qdiscs, effect, around);
  const bool by_copies = out && holds_in(Holder::queues, effect, around);
  Chain chain = {
      concat(out ? "egress " : "ingress ", device), out ? NF_NETDEV_EGRESS : NF_NETDEV_INGRESS, 0, device, {}};
  auto& rules = chain.rules;
  if (out && around.holder == Holder::queues) {
    const Expressions disposed = {nft::LoadMeta{NFT_META_MARK}, nft::Compare{NFT_CMP_EQ, value(disposed_mark)}};
    rules.push_back(rule(comment::originals, {disposed, discard(direction, around)}));
  }
  rules.push_back(
      rule("not ip", {network_protocol(NFT_CMP_NEQ, ETH_P_IP), network_protocol(NFT_CMP_NEQ, ETH_P_IPV6), accept}));
  rules.push_back(rule("neighbours", {network_protocol(NFT_CMP_EQ, ETH_P_IPV6), neighbour_discovery(), accept}));
  rules.push_back(pass_unless_alive(direction));
  // Copied packets are counted where they are taken, rejected ones where they are rejected.
  const bool counted_before = out && (by_copies || effect.cut == Cut::reject);
  if (!counted_before) rules.push_back(rule(comment::matched, {count}));
  // Like copies, what is to be held is counted before some of it is lost.
  if (out && by_qdiscs) rules.push_back(rule(comment::held, {count, to_held_class(around)}));
  if (effect.loss > 0) {
    rules.push_back(rule(comment::lost, {unlucky(effect.loss), count, discard(direction, around)}));
  }
  if (effect.cut == Cut::drop) rules.push_back(rule(comment::cut, {count, discard(direction, around)}));
  if (!out && by_qdiscs) rules.push_back(rule(comment::held, {count, through_ingress_device(around)}));
  return chain;
}

Table table_with(Family family, std::vector<Chain> chains, const Surroundings& around) {
  return {family,
          std::string(table_name),
          0,
          {{std::string(alive_set), alive_timeout, around.interfaces}},
          std::move(chains)};
}

std::vector<Chain> address_family_chains(Family family, const State& state, const Surroundings& around) {
  std::vector<Chain> chains;
  if (state.egress.cut == Cut::reject) {
    chains.push_back(endpoint_chain(family, Direction::egress, state.egress, around));
  }
  if (holds_in(Holder::queues, state.egress, around)) chains.push_back(postrouting(family, around));
  if (!around.egress_hook && passes_qdiscs(state.egress, around)) {
    chains.push_back(classifying(family, state.egress, around));
  }
  if (state.ingress.cut == Cut::reject || holds_in(Holder::queues, state.ingress, around)) {
    chains.push_back(endpoint_chain(family, Direction::ingress, state.ingress, around));
  }
  return chains;
}

std::vector<Chain> device_chains(const State& state, const Surroundings& around) {
  std::vector<Chain> chains;
  for (const auto& device : around.interfaces) {
    if (needs_device_chain(state.egress, Direction::egress, around)) {
      chains.push_back(device_chain(device, Direction::egress, state.egress, around));
    }
    if (needs_device_chain(state.ingress, Direction::ingress, around)) {
      chains.push_back(device_chain(device, Direction::ingress, state.ingress, around));
    }
  }
  return chains;
}

}  // namespace

bool passes_qdiscs(const Effect& egress, const Surroundings& around) {
  if (around.holder != Holder::qdiscs) return false;
  const bool loses = egress.loss > 0 || egress.cut == Cut::drop;
  return egress.holds_packets() || (!around.egress_hook && loses);
}

State canonical(State state) {
  for (Effect* effect : {&state.egress, &state.ingress}) {
    effect->loss = std::round(std::clamp(effect->loss, 0.0, 1.0) * loss_steps) / loss_steps;
  }
  return state;
}

std::vector<Table> tables_for(const State& state, const Surroundings& around) {
  std::vector<Table> tables;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (family == Family::ipv6 && !around.ipv6) continue;
    auto chains = address_family_chains(family, state, around);
    if (!chains.empty()) tables.push_back(table_with(family, std::move(chains), around));
  }
  auto chains = device_chains(state, around);
  if (!chains.empty()) tables.push_back(table_with(Family::netdev, std::move(chains), around));
  return tables;
}

}  // namespace entropy::kernel
