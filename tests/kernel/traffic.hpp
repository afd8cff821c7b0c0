// What applications in the two namespaces send, and what they see of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/lab.hpp"

namespace entropy::testing {

using Clock = std::chrono::steady_clock;

inline constexpr int port = 7777;

// How much later than asked the path through the injector may be. An emulated machine (tests/testbed) needs more.
Milliseconds slack();

// One datagram from one side to the other and the time that it took; nullopt if it doesn't arrive in time.
std::optional<Milliseconds> one_way(const Lab& lab, Side from, Ip ip, std::size_t size = 64,
                                    std::chrono::milliseconds timeout = 3s, int pair = 0);

// Sends `count` numbered datagrams: the numbers of those that arrived, in their order of arrival. An error that the
// sender sees is a failure.
std::vector<int> stream(const Lab& lab, Side from, Ip ip, int count, std::chrono::microseconds pause, int mark = 0);

// Which way datagrams take: from one side to the other, between the host `host` of the peer's (its last part: 2, or one
// that `add_peer_address` has made) and the target, to a port.
struct Flow {
  Side from = Side::target;
  Ip ip = Ip::v4;
  int host = 2;
  int port = testing::port;
  int pair = 0;
  bool refused = false;  // whether the sender may see errors
};
struct Arrived {
  int number = 0;
  Milliseconds took{0};
  Milliseconds at{0};  // since the first was sent
};
// Sends numbered datagrams of so many bytes: those that arrived as they were sent, in their order of arrival.
std::vector<Arrived> probe(const Lab& lab, const Flow& flow, int count, std::size_t size,
                           std::chrono::microseconds pause);

// A TCP connection between the namespaces; the target connects. Every call on it ends within ten seconds.
struct Connection {
  Fd target;
  Fd peer;
};
Connection connected(const Lab& lab, Ip ip);

Fd listening(const Lab& lab, Side side, Ip ip);
// 0 or errno.
int connect_to(const Fd& socket, const sockaddr_in6& address);
// Everything until the other side ends or an error comes.
std::string receive_all(const Fd& socket);

}  // namespace entropy::testing
