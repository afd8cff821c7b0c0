// Messages and attributes lie within what was received; links and packets survive being written and read again.
#include "kernel/netlink.hpp"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/rtnetlink.h>

#include "check.hpp"
#include "kernel/links.hpp"
#include "kernel/nfqueue.hpp"
#include "kernel/snapshot.hpp"
#include "kernel/tcp_connections.hpp"

namespace entropy::fuzz {
namespace {

using namespace kernel;

void require_within(View part, View whole) {
  require(part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size()));
}

void check_attributes(View attributes, View whole) {
  while (true) {
    const std::size_t before = attributes.size();
    const auto attribute = next_attribute(attributes);
    if (!attribute) return;
    require(attributes.size() < before);
    require_within(attribute->value, whole);
  }
}

void check_link(const Link& link) {
  ifinfomsg head = {};
  head.ifi_index = static_cast<int>(link.index);
  head.ifi_flags = (link.up ? IFF_UP : 0u) | (link.loopback ? IFF_LOOPBACK : 0u);
  Writer out;
  out.begin(RTM_NEWLINK, 0, bytes_of(head));
  out.text(IFLA_IFNAME, link.name);
  out.put(IFLA_MTU, bytes_of(link.mtu));
  require(decode_links(out.bytes()) == std::vector{link});
}

void check_packet(const Message& message) {
  const auto packet = decode_packet(message);
  if (!packet) return;
  const nfgenmsg head = {AF_UNSPEC, NFNETLINK_V0, htons(packet->queue)};
  const nfqnl_msg_packet_hdr announced = {htonl(packet->id), 0, 0};
  Writer out;
  out.begin(message.type, 0, bytes_of(head));
  out.put(NFQA_PACKET_HDR, bytes_of(announced));
  out.u32(NFQA_MARK, packet->mark);
  View rest = out.bytes();
  const auto again = decode_packet(*next_message(rest));
  require(again && again->queue == packet->queue && again->id == packet->id && again->mark == packet->mark);
  require_within(packet->payload, message.payload);
  Prng prng(packet->id);
  require(corrupted(packet->payload, prng).size() == packet->payload.size());
}

void check_tcp(const Message& message) {
  Writer out;
  out.begin(message.type, 0, message.payload);
  require(decode_tcp(out.bytes()).size() <= 1);
}

}  // namespace

void check(std::string_view input) {
  const View whole(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  for (const auto& link : decode_links(whole)) check_link(link);
  const auto names = link_names(whole);
  describe_links(whole);
  describe_addresses(whole, names);
  describe_routes(whole, names);
  describe_policy_rules(whole);
  describe_neighbours(whole, names);
  describe_qdiscs(whole, names);
  describe_tables(whole);
  describe_rules(whole);
  for (View rest = whole; const auto message = next_message(rest);) {
    require_within(message->payload, whole);
    check_attributes(attributes_behind(message->payload, sizeof(nfgenmsg)), whole);
    check_packet(*message);
    check_tcp(*message);
  }
}

}  // namespace entropy::fuzz
