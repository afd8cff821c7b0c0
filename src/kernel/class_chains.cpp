#include "kernel/class_chains.hpp"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <cmath>

namespace entropy::kernel {
namespace {

using nft::Family;
using nft::Rule;
using Rules = std::vector<Rule>;

// The whole mark of an original whose copy is held: "entr", which nobody else uses. It goes no further than the
// egress hook.
constexpr std::uint32_t disposed_mark = 0x656e7472;
constexpr std::uint32_t fragment_offset = 6;  // in the IPv4 header, below the flags
constexpr std::uint8_t dont_fragment = 0x40;
constexpr std::uint8_t tcp_reset_flag = 0x04;
constexpr std::uint32_t tcp_flags_offset = 13;
constexpr std::uint8_t first_discovery = 133;  // router solicitation; RFC 4861
constexpr std::uint8_t last_discovery = 137;   // redirect

Rule rule(std::string_view text, std::initializer_list<Expressions> parts) {
  Rule made = {std::string(text), {}};
  for (const auto& part : parts) made.expressions.insert(made.expressions.end(), part.begin(), part.end());
  return made;
}

const Expressions accept = {nft::Verdict{NF_ACCEPT}};
const Expressions count = {nft::Counter{}};

Expressions icmp_type_is(std::uint8_t type) {
  return {nft::LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1}, nft::Compare{NFT_CMP_EQ, {type}}};
}

Expressions destination_type_is(std::uint32_t type) {
  return {nft::LoadDestinationType{}, nft::Compare{NFT_CMP_EQ, value_of(type)}};
}

Expressions neighbour_discovery() {
  return {nft::LoadMeta{NFT_META_L4PROTO}, nft::Compare{NFT_CMP_EQ, {IPPROTO_ICMPV6}},
          nft::LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1}, nft::Compare{NFT_CMP_GTE, {first_discovery}},
          nft::Compare{NFT_CMP_LTE, {last_discovery}}};
}

Rule pass_unless_alive(Direction direction) {
  const std::uint32_t key = direction == Direction::egress ? NFT_META_OIFNAME : NFT_META_IIFNAME;
  Expressions in_neither = {nft::LoadMeta{key}};
  for (const auto set : alive_sets) in_neither.push_back(nft::Lookup{std::string(set), true});
  return rule("alive", {in_neither, accept});
}

Expressions to_queue(const Surroundings& around, std::uint16_t number) {
  if (around.native_queue) return {nft::Queue{number}};
  return {nft::CompatQueue{number}};
}

// Silent: neither the sender nor its TCP sees an error.
Expressions discard(Direction direction, const Surroundings& around) {
  if (direction == Direction::ingress) return {nft::Verdict{NF_DROP}};
  return {nft::LoadImmediate{value_of(around.loopback_index)}, nft::Forward{}};
}

// Longer than some interface takes, and neither TCP nor (IPv4) marked as not to be fragmented: those are cut to size
// by segmentation, not fragmented.
Expressions to_be_fragmented(Family family, const Surroundings& around) {
  Expressions is = {nft::LoadMeta{NFT_META_L4PROTO}, nft::Compare{NFT_CMP_NEQ, {IPPROTO_TCP}},
                    nft::LoadMeta{NFT_META_LEN}, nft::ToBigEndian{},
                    nft::Compare{NFT_CMP_GT, value_of(htonl(around.smallest_mtu))}};
  if (family == Family::ipv4) {
    is.push_back(nft::LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, fragment_offset, 1});
    is.push_back(nft::Mask{{dont_fragment}, {0}});
    is.push_back(nft::Compare{NFT_CMP_EQ, {0}});
  }
  return is;
}

Expressions is_copy() {
  return {nft::LoadMeta{NFT_META_MARK}, nft::Mask{value_of(copy_mark), value_of(0u)},
          nft::Compare{NFT_CMP_EQ, value_of(copy_mark)}};
}

// Our bit of the mark set, or taken off.
Expressions copy_bit(bool set) {
  return {nft::LoadMeta{NFT_META_MARK}, nft::Mask{value_of(~copy_mark), value_of(set ? copy_mark : 0u)},
          nft::StoreMeta{NFT_META_MARK}};
}

nft::LoadPayload load_destination(Family family) {
  const auto [offset, length] = family == Family::ipv4 ? std::pair{16u, 4u} : std::pair{24u, 16u};
  return {NFT_PAYLOAD_NETWORK_HEADER, offset, length, NFT_REG_2};
}

// A copy with our bit to the same place.
Expressions copy(Family family) {
  Expressions made = copy_bit(true);
  made.push_back(load_destination(family));
  made.push_back(nft::LoadMeta{NFT_META_OIF, NFT_REG_3});
  made.push_back(nft::Duplicate{NFT_REG_2, NFT_REG_3});
  return made;
}

// The kernel loops group traffic back to local members, which would get a copied packet several times.
Rules pass_group_traffic(Family family) {
  if (family == Family::ipv4) {
    return {rule("broadcast", {destination_type_is(RTN_BROADCAST), accept}),
            rule("multicast", {destination_type_is(RTN_MULTICAST), accept})};
  }
  const Expressions to_group = {nft::LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, 24, 1}, nft::Compare{NFT_CMP_EQ, {0xff}}};
  return {rule("multicast", {to_group, accept})};
}

Expressions chance(double share) {
  const auto below = static_cast<std::uint32_t>(std::lround(share * share_steps));
  return {nft::Random{share_steps}, nft::ToBigEndian{}, nft::Compare{NFT_CMP_LT, value_of(htonl(below))}};
}

// Resets and ICMP errors pass: they may be what a reject answers with, here or at the peer.
void append_reject(Rules& rules, Family family) {
  const bool v4 = family == Family::ipv4;
  const Expressions is_reset = {nft::LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, tcp_flags_offset, 1},
                                nft::Mask{{tcp_reset_flag}, {0}}, nft::Compare{NFT_CMP_EQ, {tcp_reset_flag}}};
  rules.push_back(rule("resets pass", {protocol_is(IPPROTO_TCP), is_reset, accept}));
  const auto icmp = static_cast<std::uint8_t>(v4 ? +IPPROTO_ICMP : +IPPROTO_ICMPV6);
  rules.push_back(rule("icmp errors pass",
                       {protocol_is(icmp), icmp_type_is(v4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH), accept}));
  rules.push_back(rule(comment::reset, {protocol_is(IPPROTO_TCP), count, {nft::Reject{NFT_REJECT_TCP_RST, 0}}}));
  const std::uint8_t code = v4 ? ICMP_PORT_UNREACH : ICMPV6_PORT_UNREACH;
  rules.push_back(rule(comment::unreachable, {count, {nft::Reject{NFT_REJECT_ICMP_UNREACH, code}}}));
}

bool holds_in(Holder holder, const Effect& effect, const Surroundings& around) {
  return effect.holds_packets() && around.holder == holder;
}

// The hook of a direction in which the packets of a class are counted as seen: the first in which it works, where
// copied packets would else count twice; of what arrives the first anyway.
Stage counting_stage(const Effect& effect, Direction direction, const Surroundings& around) {
  const auto stages = direction == Direction::egress ? std::array{Stage::output, Stage::postrouting, Stage::egress}
                                                     : std::array{Stage::ingress, Stage::input, Stage::arrived};
  const auto first = std::ranges::find_if(stages, [&](Stage stage) { return has_work(stage, effect, around); });
  return first == stages.end() ? stages.front() : *first;
}

Expressions to_qdisc(unsigned slot, const Surroundings& around) {
  return {nft::LoadImmediate{value_of(around.held_class + slot)}, nft::StoreMeta{NFT_META_PRIORITY}};
}

// What happens to copies: they are held, or they are duplicates and go on.
Rule pass_copies(const Effect& effect, unsigned slot, const Surroundings& around) {
  if (holds_in(Holder::queues, effect, around)) {
    const auto queue = static_cast<std::uint16_t>(around.egress_queue + slot);
    return rule(comment::held, {is_copy(), count, to_queue(around, queue)});
  }
  if (around.egress_hook || !passes_qdiscs(effect, around)) return rule("copies", {is_copy(), copy_bit(false), accept});
  return rule(comment::held, {is_copy(), copy_bit(false), count, to_qdisc(slot, around), accept});
}

Rules postrouting_rules(Family family, const Effect& effect, unsigned slot, const Surroundings& around) {
  Rules rules;
  const bool held = holds_in(Holder::queues, effect, around);
  if (held || effect.duplicate > 0) {
    rules.push_back(pass_copies(effect, slot, around));
    const auto pass = pass_group_traffic(family);
    // Without the egress hook they still have to go to their qdisc.
    if (around.egress_hook) rules.insert(rules.end(), pass.begin(), pass.end());
  }
  if (counting_stage(effect, Direction::egress, around) == Stage::postrouting) {
    rules.push_back(rule(comment::matched, {count}));
  }
  if (effect.duplicate > 0) {
    rules.push_back(rule(comment::doubled, {chance(effect.duplicate), count, copy(family), copy_bit(false)}));
  }
  if (held) {
    const auto queue = static_cast<std::uint16_t>(around.egress_queue + slot);
    rules.push_back(rule(comment::held, {to_be_fragmented(family, around), count, to_queue(around, queue)}));
    // The original gets the mark by which the egress hook disposes of it.
    const Expressions dispose = {nft::LoadImmediate{value_of(disposed_mark)}, nft::StoreMeta{NFT_META_MARK}};
    rules.push_back(rule("hold", {copy(family), dispose}));
  }
  if (!around.egress_hook && passes_qdiscs(effect, around)) {
    rules.push_back(rule(effect.holds_packets() ? comment::held : "steered",
                         {effect.holds_packets() ? count : Expressions{}, to_qdisc(slot, around)}));
  }
  return rules;
}

Rules device_rules(Direction direction, const Effect& effect, unsigned slot, const Surroundings& around) {
  const bool out = direction == Direction::egress;
  const bool by_qdiscs = holds_in(Holder::qdiscs, effect, around);
  Rules rules;
  if (counting_stage(effect, direction, around) == (out ? Stage::egress : Stage::ingress)) {
    rules.push_back(rule(comment::matched, {count}));
  }
  // Like copies, what is to be held is counted before some of it is lost.
  if (out && by_qdiscs) rules.push_back(rule(comment::held, {count, to_qdisc(slot, around)}));
  if (effect.loss > 0) {
    rules.push_back(rule(comment::lost, {chance(effect.loss), count, discard(direction, around)}));
  }
  if (effect.cut == Cut::drop) rules.push_back(rule(comment::cut, {count, discard(direction, around)}));
  if (!out && by_qdiscs) {
    const Expressions through_device = {nft::LoadImmediate{value_of(around.ingress_device)}, nft::Forward{}};
    rules.push_back(rule(comment::held, {count, to_qdisc(slot, around), through_device}));
  }
  return rules;
}

// In the inet hooks that see a packet of the target's own first (egress) or last (ingress).
Rules endpoint_rules(Stage stage, Family family, const Effect& effect, unsigned slot, const Surroundings& around) {
  Rules rules;
  if (counting_stage(effect, direction_of(stage), around) == stage) rules.push_back(rule(comment::matched, {count}));
  if (effect.cut == Cut::reject) append_reject(rules, family);
  if (stage == Stage::input && holds_in(Holder::queues, effect, around)) {
    const auto queue = static_cast<std::uint16_t>(around.ingress_queue + slot);
    rules.push_back(rule(comment::held, {count, to_queue(around, queue)}));
  }
  return rules;
}

Rules arrived_rules(Family family, const Effect& effect, const Surroundings& around) {
  Rules rules = pass_group_traffic(family);
  if (counting_stage(effect, Direction::ingress, around) == Stage::arrived) {
    rules.push_back(rule(comment::matched, {count}));
  }
  // The destination's own route leads over lo; IPv6 wants to know the link of a link-local one.
  Expressions again = {load_destination(family)};
  if (family == Family::ipv6) {
    again.push_back(nft::LoadMeta{NFT_META_IIF, NFT_REG_3});
    again.push_back(nft::Duplicate{NFT_REG_2, NFT_REG_3});
  } else {
    again.push_back(nft::Duplicate{NFT_REG_2, 0});
  }
  rules.push_back(rule(comment::doubled, {chance(effect.duplicate), count, again}));
  return rules;
}

}  // namespace

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::output:
      return "output";
    case Stage::postrouting:
      return "postrouting";
    case Stage::egress:
      return "egress";
    case Stage::ingress:
      return "ingress";
    case Stage::input:
      return "input";
    case Stage::arrived:
      return "arrived";
  }
  return "";
}

Direction direction_of(Stage stage) { return stage < Stage::ingress ? Direction::egress : Direction::ingress; }

bool passes_qdiscs(const Effect& egress, const Surroundings& around) {
  if (around.holder != Holder::qdiscs) return false;
  const bool loses = egress.loss > 0 || egress.cut == Cut::drop;
  return egress.holds_packets() || (!around.egress_hook && loses);
}

bool has_work(Stage stage, const Effect& effect, const Surroundings& around) {
  const bool queued = holds_in(Holder::queues, effect, around);
  const bool in_device = effect.loss > 0 || effect.cut == Cut::drop || holds_in(Holder::qdiscs, effect, around);
  switch (stage) {
    case Stage::output:
      return effect.cut == Cut::reject;
    case Stage::postrouting:
      return queued || effect.duplicate > 0 || (!around.egress_hook && passes_qdiscs(effect, around));
    case Stage::egress:
      return around.egress_hook && (in_device || queued);
    case Stage::ingress:
      return in_device;
    case Stage::input:
      return effect.cut == Cut::reject || queued;
    case Stage::arrived:
      return effect.duplicate > 0;
  }
  return false;
}

Rules prelude(Stage stage, Family family, const Traffic& traffic, const Surroundings& around) {
  const Direction direction = direction_of(stage);
  Rules rules;
  if (family == Family::netdev) {
    const bool queued = traffic.any([&](const Effect& effect) { return holds_in(Holder::queues, effect, around); });
    if (stage == Stage::egress && queued) {
      const Expressions disposed = {nft::LoadMeta{NFT_META_MARK}, nft::Compare{NFT_CMP_EQ, value_of(disposed_mark)}};
      rules.push_back(rule(comment::originals, {disposed, discard(direction, around)}));
    }
    rules.push_back(
        rule("not ip", {network_protocol(NFT_CMP_NEQ, ETH_P_IP), network_protocol(NFT_CMP_NEQ, ETH_P_IPV6), accept}));
    rules.push_back(rule("neighbours", {network_protocol(NFT_CMP_EQ, ETH_P_IPV6), neighbour_discovery(), accept}));
  } else if (family == Family::ipv6) {
    rules.push_back(rule("neighbours", {neighbour_discovery(), accept}));
  }
  rules.push_back(pass_unless_alive(direction));
  return rules;
}

Rules name_rules(const Surroundings& around) {
  constexpr std::uint16_t name_service = 53;
  Expressions in_neither = {nft::LoadImmediate{nft::interface_key(alive_names), NFT_REG_1}};
  for (const auto set : alive_sets) in_neither.push_back(nft::Lookup{std::string(set), true});
  const Expressions from_there = {nft::LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2},
                                  nft::Compare{NFT_CMP_EQ, value_of(htons(name_service))}};
  Rules rules = {rule("alive", {in_neither, accept})};
  for (const auto protocol : std::array<std::uint8_t, 2>{IPPROTO_UDP, IPPROTO_TCP}) {
    rules.push_back(rule("answers", {protocol_is(protocol), from_there, to_queue(around, around.name_queue)}));
  }
  return rules;
}

Rules class_rules(Stage stage, Family family, const Effect& effect, unsigned slot, const Surroundings& around) {
  switch (stage) {
    case Stage::output:
    case Stage::input:
      return endpoint_rules(stage, family, effect, slot, around);
    case Stage::postrouting:
      return postrouting_rules(family, effect, slot, around);
    case Stage::egress:
      return device_rules(Direction::egress, effect, slot, around);
    case Stage::ingress:
      return device_rules(Direction::ingress, effect, slot, around);
    case Stage::arrived:
      return arrived_rules(family, effect, around);
  }
  return {};
}

}  // namespace entropy::kernel
