#include "kernel/links.hpp"

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

namespace entropy::kernel {

void write_link_dump(Writer& out) {
  const ifinfomsg head = {};
  out.begin(RTM_GETLINK, NLM_F_DUMP, bytes_of(head));
}

std::vector<Link> decode_links(View answer) {
  std::vector<Link> links;
  while (const auto message = next_message(answer)) {
    const auto head = read_struct<ifinfomsg>(message->payload);
    if (message->type != RTM_NEWLINK || !head) continue;
    const View attributes = attributes_behind(message->payload, sizeof(ifinfomsg));
    auto name = find_text(attributes, IFLA_IFNAME);
    const auto mtu = read_struct<std::uint32_t>(find(attributes, IFLA_MTU).value_or(View{}));  // in the host's order
    if (!name || !mtu) continue;
    const View information = find(attributes, IFLA_LINKINFO).value_or(View{});
    links.push_back({static_cast<std::uint32_t>(head->ifi_index), std::move(*name),
                     find_text(information, IFLA_INFO_KIND).value_or(""), *mtu, (head->ifi_flags & IFF_UP) != 0,
                     (head->ifi_flags & IFF_LOOPBACK) != 0});
  }
  return links;
}

Result<LinkWatch> LinkWatch::open() {
  auto events = NetlinkSocket::open(NETLINK_ROUTE, RTMGRP_LINK);
  if (!events) return fail(events.error());
  auto requests = NetlinkSocket::open(NETLINK_ROUTE);
  if (!requests) return fail(requests.error());
  return LinkWatch(std::move(*events), std::move(*requests));
}

bool LinkWatch::changed() {
  bool any = false;
  std::uint8_t byte = 0;
  while (::recv(fd(), &byte, sizeof byte, MSG_DONTWAIT) >= 0 || errno == ENOBUFS) any = true;
  return any;
}

Result<std::vector<Link>> LinkWatch::links() {
  Writer request;
  write_link_dump(request);
  const auto answer = requests_.dump(request.bytes());
  if (!answer) return fail(context("can't list network interfaces", answer.error()));
  return decode_links(*answer);
}

}  // namespace entropy::kernel
