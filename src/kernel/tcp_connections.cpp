#include "kernel/tcp_connections.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace entropy::kernel {
namespace {

// enum of include/net/tcp_states.h, which is no part of the kernel's interface for programs, but its numbers are.
enum TcpState : unsigned { established = 1, fin_wait_1 = 4, fin_wait_2 = 5, close_wait = 8 };
constexpr std::uint32_t states_of_interest = 1u << established | 1u << fin_wait_1 | 1u << fin_wait_2 | 1u << close_wait;

// As much of it as this kernel tells: it has grown over time.
tcp_info info_in(View value) {
  tcp_info info = {};
  std::copy_n(value.data(), std::min(value.size(), sizeof info), reinterpret_cast<std::uint8_t*>(&info));
  return info;
}

Prefix peer_of(const inet_diag_msg& head) {
  Prefix peer{true, {}, 128};
  static_assert(sizeof head.id.idiag_dst == sizeof peer.bytes);
  std::copy_n(reinterpret_cast<const std::uint8_t*>(head.id.idiag_dst), peer.bytes.size(), peer.bytes.data());
  constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool is_mapped = head.idiag_family == AF_INET6 && std::ranges::equal(mapped, std::span(peer.bytes).first(12));
  if (head.idiag_family == AF_INET6 && !is_mapped) return peer;
  if (is_mapped) std::copy_n(peer.bytes.begin() + 12, 4, peer.bytes.begin());
  std::fill(peer.bytes.begin() + 4, peer.bytes.end(), std::uint8_t{0});
  return {false, peer.bytes, 32};
}

bool is_of_the_host_itself(const Prefix& peer) {
  if (!peer.ipv6) return peer.bytes[0] == 127;
  return peer.bytes.back() == 1 &&
         std::all_of(peer.bytes.begin(), peer.bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

std::uint64_t cookie_of(const inet_diag_msg& head) {
  return static_cast<std::uint64_t>(head.id.idiag_cookie[1]) << 32 | head.id.idiag_cookie[0];
}

}  // namespace

void write_tcp_dump(Writer& out, std::uint8_t family) {
  inet_diag_req_v2 request = {};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_ext = 1 << (INET_DIAG_INFO - 1);
  request.idiag_states = states_of_interest;
  out.begin(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, bytes_of(request));
}

std::vector<TcpConnection> decode_tcp(View answer) {
  std::vector<TcpConnection> connections;
  while (const auto message = next_message(answer)) {
    const auto head = read_struct<inet_diag_msg>(message->payload);
    if (message->type != SOCK_DIAG_BY_FAMILY || !head) continue;
    const Prefix peer = peer_of(*head);
    if (is_of_the_host_itself(peer)) continue;
    const auto value = find(attributes_behind(message->payload, sizeof(inet_diag_msg)), INET_DIAG_INFO);
    if (!value) continue;
    const tcp_info info = info_in(*value);
    connections.push_back({cookie_of(*head), Duration(info.tcpi_rtt), info.tcpi_segs_out, info.tcpi_segs_in,
                           info.tcpi_total_retrans, peer, ntohs(head->id.idiag_sport), ntohs(head->id.idiag_dport)});
  }
  return connections;
}

std::vector<TcpConnection> TcpWatch::connections() {
  if (!socket_) {
    auto opened = NetlinkSocket::open(NETLINK_SOCK_DIAG);
    if (!opened) return {};
    socket_ = std::move(*opened);
  }
  std::vector<TcpConnection> all;
  for (const std::uint8_t family : std::initializer_list<std::uint8_t>{AF_INET, AF_INET6}) {
    Writer request;
    write_tcp_dump(request, family);
    // There may be a hundred thousand, told in half a kilobyte each: more than our container may have of memory.
    std::ignore = socket_->dump(request.bytes(), [&](View datagram) {
      const auto some = decode_tcp(datagram);
      all.insert(all.end(), some.begin(), some.end());
    });
  }
  return all;
}

}  // namespace entropy::kernel
