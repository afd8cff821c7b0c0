// What an application sees under each fault, on real namespaces.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "kernel/lab.hpp"

namespace entropy::testing {
namespace {

using kernel::Cut;
using kernel::Delay;
using kernel::Effect;
using kernel::State;
using Clock = std::chrono::steady_clock;

constexpr int port = 7777;

class KernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_lab()) GTEST_SKIP() << *reason;
    lab.emplace();
  }
  std::optional<Lab> lab;
};

// One datagram from one side to the other and the time that it took; nullopt if it doesn't arrive in time.
std::optional<Milliseconds> one_way(const Lab& lab, Side from, Ip ip, std::size_t size = 64,
                                    std::chrono::milliseconds timeout = 3s, int pair = 0) {
  const Side to = from == Side::target ? Side::peer : Side::target;
  const Fd receiver = lab.socket(to, ip, SOCK_DGRAM);
  const auto address = Lab::address(to, ip, port, pair);
  bind_to(receiver, address);
  const Fd sender = lab.socket(from, ip, SOCK_DGRAM);
  const std::string data(size, 'x');
  const auto start = Clock::now();
  EXPECT_EQ(::sendto(sender.get(), data.data(), size, 0, reinterpret_cast<const sockaddr*>(&address), length_of(address)),
            static_cast<ssize_t>(size))
      << std::strerror(errno);
  if (!wait_readable(receiver, timeout)) return std::nullopt;
  const Milliseconds took = Clock::now() - start;
  std::string got(size + 1, '\0');
  EXPECT_EQ(::recv(receiver.get(), got.data(), got.size(), 0), static_cast<ssize_t>(size));
  return took;
}

void expect_delay(const Lab& lab, Side from, Ip ip, Milliseconds asked) {
  std::vector<Milliseconds> seen;
  for (int i = 0; i < 15; ++i) seen.push_back(one_way(lab, from, ip).value_or(Milliseconds(1e6)));
  std::ranges::sort(seen);
  const Milliseconds median = seen[seen.size() / 2];
  EXPECT_GE(median, asked);
  EXPECT_LE(median, asked * 1.1 + 5ms);
  std::printf("asked %.1f ms, median %.3f, most %.3f\n", asked.count(), median.count(), seen.back().count());
}

Effect delayed(Duration delay) { return {{{delay, {}, 0, {}}}, {}, 0, Cut::none}; }

TEST_F(KernelTest, DelayOfEgressIsWhatWasAsked) {
  InjectorThread injector(*lab);
  for (const auto delay : {1ms, 10ms, 100ms}) {
    const auto applied = injector.apply({delayed(delay), {}});
    ASSERT_TRUE(applied) << applied.error().message;
    for (const Ip ip : {Ip::v4, Ip::v6}) expect_delay(*lab, Side::target, ip, delay);
  }
}

TEST_F(KernelTest, DelayOfIngressIsWhatWasAsked) {
  InjectorThread injector(*lab);
  for (const auto delay : {1ms, 10ms, 100ms}) {
    const auto applied = injector.apply({{}, delayed(delay)});
    ASSERT_TRUE(applied) << applied.error().message;
    for (const Ip ip : {Ip::v4, Ip::v6}) expect_delay(*lab, Side::peer, ip, delay);
  }
}

}  // namespace
}  // namespace entropy::testing
