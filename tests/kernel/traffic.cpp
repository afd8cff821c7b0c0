#include "kernel/traffic.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace entropy::testing {
namespace {

void set_timeouts(const Fd& socket, std::chrono::seconds timeout) {
  const timeval value = {timeout.count(), 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
}

}  // namespace

std::optional<Milliseconds> one_way(const Lab& lab, Side from, Ip ip, std::size_t size,
                                    std::chrono::milliseconds timeout, int pair) {
  const Side to = from == Side::target ? Side::peer : Side::target;
  const Fd receiver = lab.socket(to, ip, SOCK_DGRAM);
  const auto address = Lab::address(to, ip, port, pair);
  bind_to(receiver, address);
  const Fd sender = lab.socket(from, ip, SOCK_DGRAM);
  // Which one it is: what an earlier call has given up waiting for may still arrive.
  static std::uint64_t sent = 0;
  std::string data(std::max(size, sizeof sent), 'x');
  ++sent;
  std::memcpy(data.data(), &sent, sizeof sent);
  const auto start = Clock::now();
  EXPECT_EQ(::sendto(sender.get(), data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&address),
                     length_of(address)),
            static_cast<ssize_t>(data.size()))
      << std::strerror(errno);
  std::string got(data.size() + 1, '\0');
  for (auto left = timeout; wait_readable(receiver, left);) {
    const Milliseconds took = Clock::now() - start;
    const ssize_t length = ::recv(receiver.get(), got.data(), got.size(), 0);
    if (std::string_view(got).substr(0, static_cast<std::size_t>(std::max<ssize_t>(length, 0))) == data) return took;
    left = std::max(timeout - std::chrono::duration_cast<std::chrono::milliseconds>(took), 0ms);
  }
  return std::nullopt;
}

std::vector<int> stream(const Lab& lab, Side from, Ip ip, int count, std::chrono::microseconds pause, int mark) {
  const Side to = from == Side::target ? Side::peer : Side::target;
  const Fd receiver = lab.socket(to, ip, SOCK_DGRAM);
  const int buffer = 16 << 20;
  ::setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  const auto address = Lab::address(to, ip, port);
  bind_to(receiver, address);
  const Fd sender = lab.socket(from, ip, SOCK_DGRAM);
  if (mark != 0) ::setsockopt(sender.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  int failed = 0;
  for (int i = 0; i < count; ++i) {
    const auto sent =
        ::sendto(sender.get(), &i, sizeof i, 0, reinterpret_cast<const sockaddr*>(&address), length_of(address));
    if (sent < 0) ++failed;
    std::this_thread::sleep_for(pause);
  }
  EXPECT_EQ(failed, 0) << "the application saw an error";
  std::vector<int> arrived;
  while (wait_readable(receiver, 300ms)) {
    int number = -1;
    // Those of another length are late ones of an earlier test.
    const ssize_t length = ::recv(receiver.get(), &number, sizeof number, MSG_TRUNC);
    if (length == static_cast<ssize_t>(sizeof number)) arrived.push_back(number);
  }
  return arrived;
}

namespace {

struct Probe {
  int number = 0;
  std::int64_t sent = 0;  // of Clock
};

std::int64_t now() { return Clock::now().time_since_epoch().count(); }

sockaddr_in6 end_of(const Flow& flow, Side side, int at_port) {
  return Lab::address(side, flow.ip, at_port, flow.pair, side == Side::peer ? flow.host : 1);
}

// Until nothing has come for a while after the last was sent.
std::vector<Arrived> receive(const Fd& receiver, std::size_t size, const std::atomic<bool>& sending) {
  const auto patience = 150ms + 2 * slack();
  std::vector<Arrived> arrived;
  std::vector<char> buffer(1 << 16);
  std::int64_t first = 0;
  for (auto last = Clock::now(); sending || Clock::now() - last < patience;) {
    if (!wait_readable(receiver, 20ms)) continue;
    const ssize_t got = ::recv(receiver.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    last = Clock::now();
    Probe probe;
    if (got != static_cast<ssize_t>(size)) continue;
    std::memcpy(&probe, buffer.data(), sizeof probe);
    if (!std::all_of(buffer.begin() + sizeof probe, buffer.begin() + got, [](char c) { return c == 'x'; })) continue;
    if (first == 0) first = probe.sent;
    arrived.push_back(
        {probe.number, std::chrono::nanoseconds(now() - probe.sent), std::chrono::nanoseconds(now() - first)});
  }
  return arrived;
}

}  // namespace

Milliseconds slack() {
  const char* asked = std::getenv("ENTROPY_TEST_SLACK_MS");
  return Milliseconds(asked != nullptr ? std::atof(asked) : 5);
}

std::vector<Arrived> probe(const Lab& lab, const Flow& flow, int count, std::size_t size,
                           std::chrono::microseconds pause) {
  const Side to = flow.from == Side::target ? Side::peer : Side::target;
  const Fd receiver = lab.socket(to, flow.ip, SOCK_DGRAM);
  const int buffer = 16 << 20;
  ::setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  const auto address = end_of(flow, to, flow.port);
  bind_to(receiver, address);
  const Fd sender = lab.socket(flow.from, flow.ip, SOCK_DGRAM);
  bind_to(sender, end_of(flow, flow.from, 0));
  std::atomic<bool> sending = true;
  std::vector<Arrived> arrived;
  std::thread receiving([&] { arrived = receive(receiver, size, sending); });
  std::string data(size, 'x');
  int failed = 0;
  for (int i = 0; i < count; ++i) {
    const Probe head{i, now()};
    std::memcpy(data.data(), &head, sizeof head);
    const auto sent =
        ::sendto(sender.get(), data.data(), size, 0, reinterpret_cast<const sockaddr*>(&address), length_of(address));
    if (sent < 0) ++failed;
    if (pause > 0us) std::this_thread::sleep_for(pause);
  }
  sending = false;
  receiving.join();
  if (!flow.refused) EXPECT_EQ(failed, 0) << "the application saw an error";
  return arrived;
}

Fd listening(const Lab& lab, Side side, Ip ip) {
  Fd listener = lab.socket(side, ip, SOCK_STREAM);
  set_timeouts(listener, 10s);
  bind_to(listener, Lab::address(side, ip, port));
  ::listen(listener.get(), 4);
  return listener;
}

int connect_to(const Fd& socket, const sockaddr_in6& address) {
  set_timeouts(socket, 10s);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length_of(address)) == 0 ? 0 : errno;
}

Connection connected(const Lab& lab, Ip ip) {
  const Fd listener = listening(lab, Side::peer, ip);
  Connection made;
  made.target = lab.socket(Side::target, ip, SOCK_STREAM);
  EXPECT_EQ(connect_to(made.target, Lab::address(Side::peer, ip, port)), 0);
  made.peer = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  set_timeouts(made.peer, 10s);
  return made;
}

std::string receive_all(const Fd& socket) {
  std::string data;
  std::vector<char> buffer(1 << 16);
  while (true) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return data;
    data.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace entropy::testing
