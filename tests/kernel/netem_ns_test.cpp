// What only the netem backend has: qdiscs, and a device for arriving packets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <algorithm>
#include <csignal>

#include "kernel/lab.hpp"
#include "kernel/netem_plan.hpp"
#include "kernel/tc_socket.hpp"
#include "kernel/traffic.hpp"

namespace entropy::testing {
namespace {

using kernel::Cut;
using kernel::Effect;
using kernel::State;
using ::testing::HasSubstr;

class NetemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_lab()) GTEST_SKIP() << *reason;
    lab.emplace();
    lab->inside(Side::target, [&] {
      if (const auto made = kernel::make_netem_backend(); !made) lacking = made.error().message;
    });
    if (!lacking.empty()) GTEST_SKIP() << lacking;
  }
  // Qdiscs of ours, and the ifb device.
  std::size_t things_left() const {
    std::size_t count = 0;
    lab->inside(Side::target, [&] {
      auto control = kernel::tc::TcSocket::open().value();
      for (const auto& qdisc : control.qdiscs().value()) count += kernel::is_ours(qdisc) ? 1 : 0;
      if (control.find_ifb(kernel::ingress_device).value()) ++count;
    });
    return count;
  }
  std::optional<Lab> lab;
  std::string lacking;
};

Effect delayed(Duration delay) { return {{{delay, {}, 0, {}}}, {}, 0, Cut::none}; }
State both(const Effect& effect) { return {effect, effect}; }

TEST_F(NetemTest, IsPreferred) {
  InjectorThread injector(*lab);
  injector.with([](kernel::Backend& backend) { EXPECT_EQ(backend.name(), "netem"); });
}

TEST_F(NetemTest, LeavesNoTrace) {
  InjectorThread injector(*lab, kernel::make_netem_backend);
  ASSERT_TRUE(injector.apply(both(delayed(30ms))));
  EXPECT_EQ(things_left(), 5u);  // prio and netem on eth0 and on ent0, and ent0
  EXPECT_TRUE(lab->run(Side::target, "ip -6 addr show dev ent0 | grep -q inet6 && exit 1 || exit 0"));
  ASSERT_TRUE(injector.apply({delayed(30ms), {}}));
  EXPECT_EQ(things_left(), 2u);
  ASSERT_TRUE(injector.apply({}));
  EXPECT_EQ(things_left(), 0u);
  EXPECT_EQ(injector.read_back(), State{});
  EXPECT_TRUE(lab->run(Side::target, "tc qdisc show dev eth0 | grep -q noqueue"));
}

TEST_F(NetemTest, WhatADeadOwnerLeftIsRemovedByTheNext) {
  for (const int signal : {SIGKILL, SIGTERM}) {
    InjectorProcess injector(*lab, both(delayed(100ms)), kernel::make_netem_backend);
    ASSERT_TRUE(injector.ready());
    EXPECT_GE(one_way(*lab, Side::target, Ip::v4).value(), 100ms);
    injector.signal(signal);
    injector.wait();
    for (const Side from : {Side::target, Side::peer}) {
      EXPECT_TRUE(wait_until(1s, [&] { return one_way(*lab, from, Ip::v4, 64, 50ms).has_value(); }));
    }
    EXPECT_EQ(things_left(), 5u);
    InjectorThread next(*lab, kernel::make_netem_backend);
    EXPECT_EQ(things_left(), 0u);
    EXPECT_EQ(next.read_back(), State{});
    ASSERT_TRUE(next.apply(both(delayed(20ms))));
    EXPECT_EQ(next.read_back(), both(delayed(20ms)));
  }
}

TEST_F(NetemTest, AQdiscOfTheTargetsIsNeverReplaced) {
  ASSERT_TRUE(lab->run(Side::target, "tc qdisc add dev eth0 root handle 1: htb default 0"));
  InjectorThread injector(*lab, kernel::make_netem_backend);
  const auto refused = injector.apply(both(delayed(20ms)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "eth0 has a qdisc of its own (htb 1:), Entropy does not replace it");
  EXPECT_EQ(injector.read_back(), State{});
  EXPECT_TRUE(lab->run(Side::target, "tc qdisc show dev eth0 | grep -q 'htb 1:'"));
  // What needs no qdisc there works nevertheless: without egress hook, only what arrives.
  State others = {{}, delayed(20ms)};
  if (lab->has_egress_hook()) others.egress = Effect{{}, {}, 0.5, Cut::none};
  ASSERT_TRUE(injector.apply(others));
  EXPECT_EQ(injector.read_back(), others);
  EXPECT_GE(one_way(*lab, Side::peer, Ip::v4).value(), 20ms);
}

std::string backend_of(InjectorThread& injector) {
  std::string name;
  injector.with([&](kernel::Backend& backend) { name = backend.name(); });
  return name;
}

TEST_F(NetemTest, UserSpaceDoesWhatNetemCant) {
  if (!lab->has_egress_hook()) GTEST_SKIP() << "this kernel has no egress hook, without which there is no user space";
  InjectorThread injector(*lab);
  Effect correlated = delayed(40ms);
  correlated.delays[0].jitter = 1ms;
  correlated.delays[0].correlation = 0.5;
  for (const auto& [effect, name] :
       {std::pair{delayed(40ms), "netem"}, {correlated, "userspace"}, {delayed(40ms), "netem"}}) {
    ASSERT_TRUE(injector.apply(both(effect)));
    EXPECT_EQ(backend_of(injector), name);
    EXPECT_EQ(injector.read_back(), both(effect));
    for (const Side from : {Side::target, Side::peer}) EXPECT_GE(one_way(*lab, from, Ip::v4).value(), 39ms);
  }
  ASSERT_TRUE(injector.apply({}));
  EXPECT_EQ(things_left(), 0u);
  ASSERT_TRUE(lab->run(Side::target, "tc qdisc add dev eth0 root handle 1: htb default 0"));
  ASSERT_TRUE(injector.apply(both(delayed(40ms))));
  EXPECT_EQ(backend_of(injector), "userspace");
  EXPECT_GE(one_way(*lab, Side::target, Ip::v4).value(), 40ms);
  ASSERT_TRUE(injector.apply({}));
  EXPECT_EQ(injector.read_back(), State{});
}

TEST_F(NetemTest, ASecondInjectorTouchesNothing) {
  InjectorThread first(*lab, kernel::make_netem_backend);
  ASSERT_TRUE(first.apply(both(delayed(50ms))));
  {
    InjectorThread second(*lab, kernel::make_netem_backend);
    EXPECT_EQ(second.read_back(), State{});
    const auto refused = second.apply(both(delayed(1ms)));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("another injector holds this namespace"));
    EXPECT_TRUE(second.apply({}));
  }
  EXPECT_EQ(first.read_back(), both(delayed(50ms)));
  EXPECT_GE(one_way(*lab, Side::target, Ip::v4).value(), 50ms);
}

TEST_F(NetemTest, AMissingQdiscIsNoticed) {
  InjectorThread injector(*lab, kernel::make_netem_backend);
  ASSERT_TRUE(injector.apply(both(delayed(50ms))));
  ASSERT_TRUE(lab->run(Side::target, "tc qdisc del dev eth0 root"));
  EXPECT_THAT(injector.read_back().error().message, HasSubstr("there is no prio 4e54: on interface"));
  ASSERT_TRUE(injector.apply(both(delayed(50ms))));
  EXPECT_EQ(injector.read_back(), both(delayed(50ms)));
}

struct Spread {
  double median = 0;
  double middle_half = 0;  // between the quartiles; a stall of the machine does not matter to it
};

// Of the times that single packets take, in milliseconds.
Spread measured(const Lab& lab, Side from, std::size_t count) {
  std::vector<double> all;
  while (all.size() < count) all.push_back(one_way(lab, from, Ip::v4).value_or(Milliseconds(1e6)).count());
  std::ranges::sort(all);
  return {all[count / 2], all[count * 3 / 4] - all[count / 4]};
}

TEST_F(NetemTest, JitterIsSpreadAsAsked) {
  InjectorThread injector(*lab, kernel::make_netem_backend);
  struct Case {
    Side from;
    kernel::Distribution distribution;
    double middle_half;
  };
  for (const auto& [from, distribution, middle_half] :
       {Case{Side::target, kernel::Distribution::uniform, 10}, Case{Side::peer, kernel::Distribution::normal, 13.49}}) {
    Effect effect = delayed(40ms);
    effect.delays[0].jitter = 10ms;
    effect.delays[0].distribution = distribution;
    ASSERT_TRUE(injector.apply(both(effect)));
    const auto seen = measured(*lab, from, 100);
    std::printf("asked 40 ms, half within %.1f ms; median %.2f, half within %.2f\n", middle_half, seen.median,
                seen.middle_half);
    EXPECT_NEAR(seen.median, 41, 5);
    EXPECT_NEAR(seen.middle_half, middle_half, 5.5);
  }
}

// Of 10.1 packets 1 is lost: 9 come in the good state for each in a burst, and every tenth of those has one behind it.
TEST_F(NetemTest, BurstsWhoseChancesMakeACertaintyEnd) {
  InjectorThread injector(*lab, kernel::make_netem_backend);
  Effect effect;
  effect.models = {kernel::Markov{0.1, 0.9, 0.1, 1, 0}};
  ASSERT_TRUE(injector.apply({effect, {}}));
  const auto arrived = stream(*lab, Side::target, Ip::v4, 1000, 100us).size();
  EXPECT_NEAR(static_cast<double>(arrived), 901, 60);
}

// Of every rate with every burst that may be asked for.
TEST(TbfTest, EveryBucketReadsBackAsItWasAskedOrIsRefused) {
  if (const auto reason = why_no_lab()) GTEST_SKIP() << *reason;
  const Lab lab;
  lab.inside(Side::target, [] {
    auto control = kernel::tc::TcSocket::open().value();
    if (const auto able = control.check_kind("tbf", "sch_tbf", 1); !able) GTEST_SKIP() << able.error().message;
    for (const std::uint64_t bits : {8'000ull, 1'000'000ull, 9'999'999ull, 10'000'000'000ull, 100'000'000'000ull}) {
      for (const std::uint32_t burst : {0u, 2'000u, 64u << 10, 274'000u, 275'000u, 1u << 20, 256u << 20}) {
        Effect effect;
        effect.rate = kernel::RateCap{bits, burst, burst == 0 ? 10'000u : 0u};
        const auto chain = kernel::chain_for(effect);
        if (!chain) continue;
        const kernel::tc::Qdisc wanted = {1, 0x4e5c'0000, kernel::tc::root_parent, "tbf", chain->back(), 0, 0};
        const auto added = control.add(wanted);
        ASSERT_TRUE(added) << added.error().message;
        EXPECT_THAT(control.qdiscs().value(), ::testing::Contains(wanted)) << bits << " bit/s, burst " << burst;
        ASSERT_TRUE(control.remove(wanted));
      }
    }
  });
}

// TCP hands over up to 64 KiB as one packet, which the bucket takes whole.
TEST(TbfTest, ABurstOfSuperPacketsPassesAtOnce) {
  if (const auto reason = why_no_lab()) GTEST_SKIP() << *reason;
  const Lab lab;
  const Connection connection = connected(lab, Ip::v4);
  const std::string data(60'000, 'x');
  std::string got(data.size(), '\0');
  const auto pass = [&] {
    const auto begin = Clock::now();
    EXPECT_EQ(::send(connection.target.get(), data.data(), data.size(), 0), std::ssize(data));
    EXPECT_EQ(::recv(connection.peer.get(), got.data(), got.size(), MSG_WAITALL), std::ssize(data));
    return Clock::now() - begin;
  };
  for (int i = 0; i < 50; ++i) pass();  // its window grows
  Effect effect;
  effect.rate = kernel::RateCap{1'000'000, 64 << 10, 0};
  std::string lacking;
  lab.inside(Side::target, [&] {
    auto control = kernel::tc::TcSocket::open().value();
    if (const auto able = control.check_kind("tbf", "sch_tbf", 1); !able) lacking = able.error().message;
    const auto bucket = kernel::chain_for(effect).value().back();
    if (lacking.empty()) {
      ASSERT_TRUE(control.add({::if_nametoindex("eth0"), 0x4e5c'0000, kernel::tc::root_parent, "tbf", bucket, 0, 0}));
    }
  });
  if (!lacking.empty()) GTEST_SKIP() << lacking;
  EXPECT_LT(pass(), 300ms);
}

}  // namespace
}  // namespace entropy::testing
