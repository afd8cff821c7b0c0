// The TCP connections of this namespace as their own sockets see them: sock_diag(7), struct tcp_info of linux/tcp.h.
#pragma once

#include <vector>

#include "kernel/netlink.hpp"
#include "kernel/state.hpp"

namespace entropy::kernel {

// Asks for those that are established, or half closed; of one address family (AF_INET, AF_INET6).
void write_tcp_dump(Writer& out, std::uint8_t family);
// Every connection in the answer, but those within the host itself (127.0.0.0/8, ::1).
std::vector<TcpConnection> decode_tcp(View answer);

// One thread. Empty where the kernel does not tell (CONFIG_INET_TCP_DIAG).
class TcpWatch {
 public:
  std::vector<TcpConnection> connections();

 private:
  std::optional<NetlinkSocket> socket_;  // opened at the first question
};

}  // namespace entropy::kernel
