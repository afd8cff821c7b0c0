// One TCP flow from the target to a peer on the same host: what of its speed is left under each delay. All are measured
// in turns, so that whatever else the machine does is the same for all of them. Usage: kernel_throughput [seconds per
// measurement [rounds]]
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernel/lab.hpp"

namespace entropy::testing {
namespace {

constexpr int port = 7778;
constexpr std::size_t block = 256 << 10;

using Clock = std::chrono::steady_clock;

void send_until(const Fd& socket, Clock::time_point end) {
  const std::vector<char> data(block, 'x');
  while (Clock::now() < end && ::send(socket.get(), data.data(), data.size(), MSG_NOSIGNAL) > 0) {
  }
  ::shutdown(socket.get(), SHUT_WR);
}

// Megabits a second, as the receiver sees them.
double throughput(const Lab& lab, Side from, std::chrono::seconds time) {
  const Side to = from == Side::target ? Side::peer : Side::target;
  const Fd listener = lab.socket(to, Ip::v4, SOCK_STREAM);
  const auto address = Lab::address(to, Ip::v4, port);
  bind_to(listener, address);
  ::listen(listener.get(), 1);
  const Fd source = lab.socket(from, Ip::v4, SOCK_STREAM);
  const timeval limit = {5, 0};
  ::setsockopt(source.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(source.get(), reinterpret_cast<const sockaddr*>(&address), length_of(address)) != 0) return 0;
  const Fd sink(::accept(listener.get(), nullptr, nullptr));
  const auto start = Clock::now();
  std::thread sender([&] { send_until(source, start + time); });
  std::vector<char> buffer(block);
  double bits = 0;
  for (ssize_t got = 0; (got = ::recv(sink.get(), buffer.data(), buffer.size(), 0)) > 0;) {
    bits += 8 * static_cast<double>(got);
  }
  sender.join();
  return bits / std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

struct Case {
  const char* name;
  Side from;
  kernel::State state;
};

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
  return values[values.size() / 2];
}

int run(std::chrono::seconds time, int rounds) {
  const Lab lab;
  // Or a connection would begin with what the kernel remembers of those before.
  for (const Side side : {Side::target, Side::peer}) {
    if (!lab.run(side, "echo 1 >/proc/sys/net/ipv4/tcp_no_metrics_save")) return 1;
  }
  (void)throughput(lab, Side::target, time);
  const auto delayed = [](Duration delay) {
    return kernel::Effect{{{delay, Duration{0}, 0, {}}}, {}, 0, kernel::Cut::none};
  };
  const std::vector<Case> cases = {{"undisturbed", Side::target, {}},
                                   {"backend idle", Side::target, {}},
                                   {"egress 1 ms", Side::target, {delayed(1ms), {}}},
                                   {"egress 50 ms", Side::target, {delayed(50ms), {}}},
                                   {"ingress 1 ms", Side::peer, {{}, delayed(1ms)}},
                                   {"ingress 50 ms", Side::peer, {{}, delayed(50ms)}}};
  std::vector<std::vector<double>> seen(cases.size());
  for (int round = 0; round < rounds; ++round) {
    seen[0].push_back(throughput(lab, cases[0].from, time));
    InjectorThread injector(lab);
    for (std::size_t i = 1; i < cases.size(); ++i) {
      if (const auto applied = injector.apply(cases[i].state); !applied) {
        std::fprintf(stderr, "%s\n", applied.error().message.c_str());
        return 1;
      }
      seen[i].push_back(throughput(lab, cases[i].from, time));
    }
  }
  const double undisturbed = median(seen[0]);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const double mbits = median(seen[i]);
    std::printf("%-16s %9.0f Mbit/s  %5.1f %%\n", cases[i].name, mbits, 100 * mbits / undisturbed);
  }
  return 0;
}

}  // namespace
}  // namespace entropy::testing

int main(int count, char** arguments) {
  if (const auto reason = entropy::testing::why_no_lab()) {
    std::fprintf(stderr, "%s\n", reason->c_str());
    return 1;
  }
  const int seconds = count > 1 ? std::atoi(arguments[1]) : 1;
  return entropy::testing::run(std::chrono::seconds(seconds), count > 2 ? std::atoi(arguments[2]) : 5);
}
