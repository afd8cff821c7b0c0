#include "kernel/snapshot.hpp"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/text.hpp"
#include "kernel/tc.hpp"

namespace entropy::kernel {
namespace {

std::string link_name(const LinkNames& names, std::uint32_t index) {
  const auto found = names.find(index);
  return found == names.end() ? concat("#", index) : found->second;
}

std::optional<std::uint32_t> host_u32(View attributes, std::uint16_t type) {
  return read_struct<std::uint32_t>(find(attributes, type).value_or(View{}));
}

std::string address_text(unsigned char family, View bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  const std::size_t length = family == AF_INET ? 4 : 16;
  if (bytes.size() != length || ::inet_ntop(family, bytes.data(), text, sizeof text) == nullptr) return "?";
  return text;
}

std::string hex(View bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const auto byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

// Every message of a type whose family header is a `Head`, to a line; empty lines are left out.
template <class Head, class Describe>
std::vector<std::string> describe(View answer, std::uint16_t type, Describe line_of) {
  std::vector<std::string> lines;
  while (const auto message = next_message(answer)) {
    const auto head = read_struct<Head>(message->payload);
    if (message->type != type || !head) continue;
    std::string line = line_of(*head, attributes_behind(message->payload, sizeof(Head)));
    if (!line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

std::string route_kind(unsigned char type) {
  switch (type) {
    case RTN_UNICAST:
      return "";
    case RTN_LOCAL:
      return "local ";
    case RTN_BROADCAST:
      return "broadcast ";
    case RTN_ANYCAST:
      return "anycast ";
    case RTN_MULTICAST:
      return "multicast ";
    case RTN_BLACKHOLE:
      return "blackhole ";
    case RTN_UNREACHABLE:
      return "unreachable ";
    case RTN_PROHIBIT:
      return "prohibit ";
    case RTN_THROW:
      return "throw ";
    default:
      return concat("type ", static_cast<unsigned>(type), " ");
  }
}

std::string prefix(unsigned char family, View attributes, std::uint16_t type, unsigned char length) {
  const auto address = find(attributes, type);
  if (!address) return "default";
  return concat(address_text(family, *address), "/", static_cast<unsigned>(length));
}

std::string route_line(const rtmsg& head, View attributes, const LinkNames& names) {
  if ((head.rtm_flags & RTM_F_CLONED) != 0) return "";
  std::string line =
      concat("route ", route_kind(head.rtm_type), prefix(head.rtm_family, attributes, RTA_DST, head.rtm_dst_len));
  if (const auto gateway = find(attributes, RTA_GATEWAY))
    append(line, concat(" via ", address_text(head.rtm_family, *gateway)));
  if (const auto device = host_u32(attributes, RTA_OIF)) append(line, concat(" dev ", link_name(names, *device)));
  if (const auto metric = host_u32(attributes, RTA_PRIORITY)) append(line, concat(" metric ", *metric));
  if (const auto metrics = find(attributes, RTA_METRICS)) append(line, concat(" metrics ", hex(*metrics)));
  return line + concat(" table ", host_u32(attributes, RTA_TABLE).value_or(head.rtm_table));
}

template <class Head>
Result<Bytes> ask(NetlinkSocket& socket, std::uint16_t type, const Head& head) {
  Writer request;
  request.begin(type, NLM_F_DUMP, bytes_of(head));
  return socket.dump(request.bytes());
}

std::uint16_t nft_type(std::uint16_t message) {
  return static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | message);
}

std::string_view family_name(unsigned char family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_BRIDGE:
      return "bridge";
    case NFPROTO_NETDEV:
      return "netdev";
    default:
      return "?";
  }
}

class Collector {
 public:
  // The lines of one dump's answer. A kernel without that part has none of it.
  template <class Head, class Describe>
  void add(NetlinkSocket& socket, std::uint16_t type, const Head& head, Describe describe_answer) {
    const auto answer = ask(socket, type, head);
    if (!answer) {
      if (!error_ && answer.error().code != ErrorCode::unsupported) error_ = answer.error();
      return;
    }
    auto lines = describe_answer(*answer);
    lines_.insert(lines_.end(), lines.begin(), lines.end());
  }
  Result<std::vector<std::string>> take() {
    if (error_) return fail(context("can't look at the network namespace", *error_));
    std::ranges::sort(lines_);
    return std::move(lines_);
  }

 private:
  std::vector<std::string> lines_;
  std::optional<Error> error_;
};

}  // namespace

LinkNames link_names(View answer) {
  LinkNames names;
  describe<ifinfomsg>(answer, RTM_NEWLINK, [&](const ifinfomsg& head, View attributes) {
    names[static_cast<std::uint32_t>(head.ifi_index)] = find_text(attributes, IFLA_IFNAME).value_or("?");
    return std::string();
  });
  return names;
}

std::vector<std::string> describe_links(View answer) {
  return describe<ifinfomsg>(answer, RTM_NEWLINK, [](const ifinfomsg& head, View attributes) {
    std::string line = concat("link ", find_text(attributes, IFLA_IFNAME).value_or("?"), " mtu ",
                              host_u32(attributes, IFLA_MTU).value_or(0));
    append(line, (head.ifi_flags & IFF_UP) != 0 ? " up" : " down");
    if ((head.ifi_flags & IFF_NOARP) != 0) append(line, " noarp");
    if ((head.ifi_flags & IFF_PROMISC) != 0) append(line, " promisc");
    if (const auto qdisc = find_text(attributes, IFLA_QDISC)) append(line, concat(" qdisc ", *qdisc));
    if (const auto queue = host_u32(attributes, IFLA_TXQLEN)) append(line, concat(" queue ", *queue));
    return line + concat(" address ", hex(find(attributes, IFLA_ADDRESS).value_or(View{})));
  });
}

std::vector<std::string> describe_addresses(View answer, const LinkNames& names) {
  return describe<ifaddrmsg>(answer, RTM_NEWADDR, [&](const ifaddrmsg& head, View attributes) {
    const auto local = find(attributes, IFA_LOCAL);
    const auto address = local ? local : find(attributes, IFA_ADDRESS);
    return concat("address ", address_text(head.ifa_family, address.value_or(View{})), "/",
                  static_cast<unsigned>(head.ifa_prefixlen), " on ", link_name(names, head.ifa_index));
  });
}

std::vector<std::string> describe_routes(View answer, const LinkNames& names) {
  return describe<rtmsg>(answer, RTM_NEWROUTE,
                         [&](const rtmsg& head, View attributes) { return route_line(head, attributes, names); });
}

std::vector<std::string> describe_policy_rules(View answer) {
  return describe<fib_rule_hdr>(answer, RTM_NEWRULE, [](const fib_rule_hdr& head, View attributes) {
    std::string line = concat("rule ", host_u32(attributes, FRA_PRIORITY).value_or(0), " from ",
                              prefix(head.family, attributes, FRA_SRC, head.src_len), " to ",
                              prefix(head.family, attributes, FRA_DST, head.dst_len));
    if (const auto mark = host_u32(attributes, FRA_FWMARK)) append(line, concat(" mark ", *mark));
    return line + concat(" action ", static_cast<unsigned>(head.action), " table ",
                         host_u32(attributes, FRA_TABLE).value_or(head.table));
  });
}

std::vector<std::string> describe_neighbours(View answer, const LinkNames& names) {
  return describe<ndmsg>(answer, RTM_NEWNEIGH, [&](const ndmsg& head, View attributes) -> std::string {
    if ((head.ndm_state & NUD_PERMANENT) == 0) return "";
    return concat("neighbour ", address_text(head.ndm_family, find(attributes, NDA_DST).value_or(View{})), " at ",
                  hex(find(attributes, NDA_LLADDR).value_or(View{})), " on ",
                  link_name(names, static_cast<std::uint32_t>(head.ndm_ifindex)));
  });
}

std::vector<std::string> describe_qdiscs(View answer, const LinkNames& names) {
  return describe<tcmsg>(answer, RTM_NEWQDISC, [&](const tcmsg& head, View attributes) {
    return concat("qdisc ", find_text(attributes, TCA_KIND).value_or("?"), " ", tc::handle_text(head.tcm_handle),
                  " on ", link_name(names, static_cast<std::uint32_t>(head.tcm_ifindex)));
  });
}

std::vector<std::string> describe_tables(View answer) {
  return describe<nfgenmsg>(answer, nft_type(NFT_MSG_NEWTABLE), [](const nfgenmsg& head, View attributes) {
    return concat("nft table ", family_name(head.nfgen_family), " ",
                  find_text(attributes, NFTA_TABLE_NAME).value_or("?"));
  });
}

std::vector<std::string> describe_rules(View answer) {
  return describe<nfgenmsg>(answer, nft_type(NFT_MSG_NEWRULE), [](const nfgenmsg& head, View attributes) {
    return concat("nft rule in ", family_name(head.nfgen_family), " ",
                  find_text(attributes, NFTA_RULE_TABLE).value_or("?"), " ",
                  find_text(attributes, NFTA_RULE_CHAIN).value_or("?"), " handle ",
                  find_u64(attributes, NFTA_RULE_HANDLE).value_or(0));
  });
}

Result<std::vector<std::string>> snapshot() {
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  if (!route) return fail(route.error());
  auto nft = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!nft) return fail(nft.error());
  Collector all;
  LinkNames names;
  all.add(*route, RTM_GETLINK, ifinfomsg{}, [&](View answer) {
    names = link_names(answer);
    return describe_links(answer);
  });
  all.add(*route, RTM_GETADDR, ifaddrmsg{}, [&](View answer) { return describe_addresses(answer, names); });
  all.add(*route, RTM_GETROUTE, rtmsg{}, [&](View answer) { return describe_routes(answer, names); });
  all.add(*route, RTM_GETRULE, fib_rule_hdr{}, [](View answer) { return describe_policy_rules(answer); });
  all.add(*route, RTM_GETNEIGH, ndmsg{}, [&](View answer) { return describe_neighbours(answer, names); });
  all.add(*route, RTM_GETQDISC, tcmsg{}, [&](View answer) { return describe_qdiscs(answer, names); });
  all.add(*nft, nft_type(NFT_MSG_GETTABLE), nfgenmsg{}, [](View answer) { return describe_tables(answer); });
  all.add(*nft, nft_type(NFT_MSG_GETRULE), nfgenmsg{}, [](View answer) { return describe_rules(answer); });
  return all.take();
}

}  // namespace entropy::kernel
