// What an application sees under each fault, on real namespaces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "kernel/backends.hpp"
#include "kernel/name_queue.hpp"
#include "kernel/nfqueue.hpp"
#include "kernel/nft_socket.hpp"
#include "kernel/ruleset.hpp"

namespace entropy::testing {
namespace {

using kernel::Cut;
using kernel::Delay;
using kernel::Effect;
using kernel::State;

using KernelTest = BackendTest;

INSTANTIATE_TEST_SUITE_P(Backend, KernelTest, every_backend, backend_name);

void expect_delay(const Lab& lab, Side from, Ip ip, Milliseconds asked) {
  std::vector<Milliseconds> seen;
  for (int i = 0; i < 15; ++i) seen.push_back(one_way(lab, from, ip).value_or(Milliseconds(1e6)));
  std::ranges::sort(seen);
  const Milliseconds median = seen[seen.size() / 2];
  EXPECT_GE(median, asked);
  EXPECT_LE(median, asked * 1.1 + slack());
  std::printf("asked %.1f ms, median %.3f, most %.3f\n", asked.count(), median.count(), seen.back().count());
}

Effect delayed(Duration delay) { return {{{delay, {}, 0, {}}}, {}, 0, Cut::none}; }

TEST_P(KernelTest, DelayOfEgressIsWhatWasAsked) {
  InjectorThread injector(*lab, make);
  for (const auto delay : {1ms, 10ms, 100ms}) {
    const auto applied = injector.apply({delayed(delay), {}});
    ASSERT_TRUE(applied) << applied.error().message;
    for (const Ip ip : {Ip::v4, Ip::v6}) expect_delay(*lab, Side::target, ip, delay);
  }
}

TEST_P(KernelTest, DelayOfIngressIsWhatWasAsked) {
  InjectorThread injector(*lab, make);
  for (const auto delay : {1ms, 10ms, 100ms}) {
    const auto applied = injector.apply({{}, delayed(delay)});
    ASSERT_TRUE(applied) << applied.error().message;
    for (const Ip ip : {Ip::v4, Ip::v6}) expect_delay(*lab, Side::peer, ip, delay);
  }
}

State with_egress(Effect effect) { return {std::move(effect), {}}; }
State with_ingress(Effect effect) { return {{}, std::move(effect)}; }
State both(const Effect& effect) { return {effect, effect}; }
Effect losing(double share) { return {{}, {}, share, Cut::none}; }
Effect cutting(Cut cut) { return {{}, {}, 0, cut}; }

#define ASSERT_APPLIED(injector, ...)                    \
  do {                                                   \
    const auto applied_ = (injector).apply(__VA_ARGS__); \
    ASSERT_TRUE(applied_) << applied_.error().message;   \
  } while (false)

// 99.999 % of all binomial experiments end within 4.42 standard deviations of the mean: with a dozen of them in every
// run, the usual 99.9 % would fail one run in a hundred.
void expect_loss(const std::vector<int>& arrived, int sent, double share) {
  const double mean = sent * share;
  const double deviation = std::sqrt(sent * share * (1 - share));
  EXPECT_NEAR(sent - static_cast<double>(arrived.size()), mean, 4.42 * deviation + 1);
  EXPECT_TRUE(std::ranges::is_sorted(arrived));
}

TEST_P(KernelTest, LossIsWhatWasAskedAndSilent) {
  InjectorThread injector(*lab, make);
  for (const double share : {0.1, 0.5}) {
    ASSERT_APPLIED(injector, both(losing(share)));
    for (const Ip ip : {Ip::v4, Ip::v6}) {
      expect_loss(stream(*lab, Side::target, ip, 2000, 20us), 2000, share);
      expect_loss(stream(*lab, Side::peer, ip, 2000, 20us), 2000, share);
    }
  }
}

TEST_P(KernelTest, LossOfHeldPacketsCountsEachOnce) {
  InjectorThread injector(*lab, make);
  Effect effect = delayed(20ms);
  effect.loss = 0.25;
  ASSERT_APPLIED(injector, with_egress(effect));
  const auto arrived = stream(*lab, Side::target, Ip::v4, 2000, 20us);
  expect_loss(arrived, 2000, 0.25);
  const auto counters = injector.counters();
  // The kernel's own multicast reports may be among them.
  constexpr double others = 5;
  EXPECT_NEAR(static_cast<double>(counters.delayed), 2000, others);
  EXPECT_NEAR(static_cast<double>(counters.matched), 2000, others);
  EXPECT_NEAR(static_cast<double>(counters.dropped), 2000 - static_cast<double>(arrived.size()), others);
}

TEST_P(KernelTest, LargeDatagramsAreDelayedToo) {
  InjectorThread injector(*lab, make);
  constexpr std::size_t fragmented = 8000;
  for (const Ip ip : {Ip::v4, Ip::v6}) {
    if (!one_way(*lab, Side::target, ip, fragmented)) GTEST_SKIP() << "this kernel loses fragments by itself";
    ASSERT_APPLIED(injector, both(delayed(20ms)));
    for (const Side from : {Side::target, Side::peer}) {
      const auto took = one_way(*lab, from, ip, fragmented);
      ASSERT_TRUE(took);
      EXPECT_GE(*took, 20ms);
      EXPECT_LE(*took, 20ms * 1.1 + 4 * slack());
    }
    ASSERT_APPLIED(injector, {});
  }
}

TEST_P(KernelTest, GroupTrafficArrivesOnce) {
  InjectorThread injector(*lab, make);
  ASSERT_APPLIED(injector, with_egress(delayed(20ms)));
  for (const in_addr_t group : {0x0a0900ffu, 0xffffffffu, 0xe0000001u}) {
    std::vector<Fd> receivers;
    sockaddr_in address = {AF_INET, htons(port), {htonl(INADDR_ANY)}, {}};
    for (const Side side : {Side::target, Side::peer}) {
      receivers.push_back(lab->socket(side, Ip::v4, SOCK_DGRAM));
      ASSERT_EQ(::bind(receivers.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    const Fd sender = lab->socket(Side::target, Ip::v4, SOCK_DGRAM);
    const int on = 1;
    ::setsockopt(sender.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    ::setsockopt(sender.get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5);
    address.sin_addr.s_addr = htonl(group);
    EXPECT_EQ(::sendto(sender.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address), 1);
    for (const Fd& receiver : receivers) {
      char byte = 0;
      EXPECT_TRUE(wait_readable(receiver, 500ms));
      (void)!::recv(receiver.get(), &byte, 1, MSG_DONTWAIT);
      EXPECT_FALSE(wait_readable(receiver, 50ms)) << "it arrived twice";
    }
  }
}

constexpr std::size_t transfer_size = 20 << 20;

// 20 MB over TCP, every byte as it was sent.
void expect_transfer(const Lab& lab, Ip ip, Side from) {
  const Connection connection = connected(lab, ip);
  const Fd& source = from == Side::target ? connection.target : connection.peer;
  const Fd& sink = from == Side::target ? connection.peer : connection.target;
  std::string data(transfer_size, '\0');
  std::uint64_t state = 1;
  for (auto& c : data) c = static_cast<char>((state = state * 6364136223846793005 + 1442695040888963407) >> 56);
  const auto start = Clock::now();
  std::thread sender([&] {
    for (std::size_t at = 0; at < data.size();) {
      const ssize_t put = ::send(source.get(), data.data() + at, data.size() - at, MSG_NOSIGNAL);
      if (put <= 0) break;
      at += static_cast<std::size_t>(put);
    }
    ::shutdown(source.get(), SHUT_WR);
  });
  const std::string got = receive_all(sink);
  sender.join();
  const std::chrono::duration<double> took = Clock::now() - start;
  std::printf("20 MB in %.2f s: %.0f Mbit/s\n", took.count(), static_cast<double>(got.size()) * 8e-6 / took.count());
  EXPECT_EQ(got.size(), data.size());
  EXPECT_TRUE(got == data) << "what arrived is not what was sent";
}

TEST_P(KernelTest, TransfersStayWholeUnderEveryFault) {
  InjectorThread injector(*lab, make);
  Effect jittery = delayed(5ms);
  jittery.delays[0].jitter = 3ms;
  jittery.delays[0].distribution = kernel::Distribution::normal;
  Effect reordering;
  reordering.reorders = {{0.05, 2ms, 0, 0}};
  expect_transfer(*lab, Ip::v4, Side::target);
  for (const Effect& effect : {delayed(1ms), delayed(20ms), jittery, losing(0.001), reordering}) {
    for (const State& state : {with_egress(effect), with_ingress(effect)}) {
      ASSERT_APPLIED(injector, state);
      expect_transfer(*lab, Ip::v4, Side::target);
      expect_transfer(*lab, Ip::v6, Side::peer);
    }
  }
}

// Whoever waited arrives after higher numbers that went ahead.
int count_waited(const std::vector<int>& arrived) {
  int waited = 0;
  int highest = -1;
  for (const int number : arrived) {
    if (number < highest) ++waited;
    highest = std::max(highest, number);
  }
  return waited;
}

TEST_P(KernelTest, ReorderSendsAShareAhead) {
  InjectorThread injector(*lab, make);
  for (const double correlation : {0.0, 0.5}) {
    Effect effect;
    effect.reorders = {{0.25, 100ms, correlation, 0}};  // long, for machines that send slowly
    for (const auto& [state, from] :
         {std::pair{with_egress(effect), Side::target}, {with_ingress(effect), Side::peer}}) {
      ASSERT_APPLIED(injector, state);
      const auto arrived = stream(*lab, from, Ip::v4, 2000, 100us);
      ASSERT_EQ(arrived.size(), 2000);
      const int waited = count_waited(arrived);
      std::printf("asked 25 %% ahead, correlation %.1f: %.1f %% waited\n", correlation, waited / 20.0);
      EXPECT_NEAR(waited, 1500, correlation > 0 ? 180 : 100);
    }
  }
}

TEST_P(KernelTest, JitterAloneDoesNotReorder) {
  InjectorThread injector(*lab, make);
  Effect effect = delayed(10ms);
  effect.delays[0].jitter = 8ms;
  ASSERT_APPLIED(injector, with_egress(effect));
  const auto arrived = stream(*lab, Side::target, Ip::v4, 1000, 100us);
  EXPECT_EQ(arrived.size(), 1000);
  EXPECT_TRUE(std::ranges::is_sorted(arrived));
}

TEST_P(KernelTest, PartitionIsSilentAndConnectionsOutliveIt) {
  InjectorThread injector(*lab, make);
  for (const Ip ip : {Ip::v4, Ip::v6}) {
    const Connection connection = connected(*lab, ip);
    ASSERT_APPLIED(injector, both(cutting(Cut::drop)));
    EXPECT_TRUE(stream(*lab, Side::target, ip, 50, 0us).empty());
    EXPECT_TRUE(stream(*lab, Side::peer, ip, 50, 0us).empty());
    EXPECT_EQ(::send(connection.target.get(), "ping", 4, 0), 4);
    EXPECT_FALSE(wait_readable(connection.peer, 300ms));
    EXPECT_GE(injector.counters().dropped, 101);
    ASSERT_APPLIED(injector, {});
    EXPECT_TRUE(wait_readable(connection.peer, 5s));
  }
}

// The error that a side of an established connection sees when it speaks.
int error_on_speaking(const Fd& socket) {
  char byte = 0;
  if (::send(socket.get(), "ping", 4, MSG_NOSIGNAL) < 0) return errno;
  return ::recv(socket.get(), &byte, 1, 0) < 0 ? errno : 0;
}

TEST_P(KernelTest, RejectIsNoticedAtOnce) {
  InjectorThread injector(*lab, make);
  const Effect rejecting = cutting(Cut::reject);
  for (const Ip ip : {Ip::v4, Ip::v6}) {
    for (const auto& [state, speaker] : {std::pair{with_egress(rejecting), Side::target},
                                         {with_ingress(rejecting), Side::peer},
                                         {both(rejecting), Side::target},
                                         {both(rejecting), Side::peer}}) {
      const Connection connection = connected(*lab, ip);
      ASSERT_APPLIED(injector, state);
      const auto start = Clock::now();
      const bool target_speaks = speaker == Side::target;
      EXPECT_EQ(error_on_speaking(target_speaks ? connection.target : connection.peer), ECONNRESET);
      const Side listener_side = target_speaks ? Side::peer : Side::target;
      const Fd listener = listening(*lab, listener_side, ip);
      EXPECT_EQ(connect_to(lab->socket(speaker, ip, SOCK_STREAM), Lab::address(listener_side, ip, port)), ECONNREFUSED);
      EXPECT_LT(Clock::now() - start, 1s);
      ASSERT_APPLIED(injector, {});
    }
  }
}

// Tables of Entropy's in the target's namespace, as anybody can list them.
std::size_t tables_left(const Lab& lab) {
  std::size_t count = 0;
  lab.inside(Side::target, [&] {
    auto socket = kernel::NetlinkSocket::open(NETLINK_NETFILTER);
    count = kernel::nft::read_tables(*socket, kernel::table_name).value().size();
  });
  return count;
}

TEST_P(KernelTest, ADeadOwnerLeavesNothing) {
  Effect effect = delayed(200ms);
  effect.loss = 0.5;
  InjectorProcess injector(*lab, both(effect), make);
  ASSERT_TRUE(injector.ready());
  EXPECT_FALSE(one_way(*lab, Side::target, Ip::v4, 64, 100ms));
  EXPECT_GT(tables_left(*lab), 0);
  injector.signal(SIGKILL);
  injector.wait();
  EXPECT_TRUE(wait_until(1s, [&] { return tables_left(*lab) == 0; }));
  EXPECT_TRUE(wait_until(1s, [&] { return one_way(*lab, Side::target, Ip::v4, 64, 50ms).has_value(); }));
  expect_loss(stream(*lab, Side::target, Ip::v4, 200, 0us), 200, 0);
  // A table of our name would be in the way of the next one.
  InjectorThread next(*lab, make);
  ASSERT_APPLIED(next, both(effect));
}

TEST_P(KernelTest, ASecondInjectorIsRefused) {
  InjectorThread first(*lab, make);
  ASSERT_APPLIED(first, with_egress(losing(0.5)));
  InjectorThread second(*lab, make);
  const auto refused = second.apply(with_egress(losing(0.1)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("another injector holds this namespace"));
  EXPECT_EQ(*first.read_back(), with_egress(losing(0.5)));
}

TEST_P(KernelTest, AFrozenOwnerDisturbsNobodyForLong) {
  for (const State& state : {both(cutting(Cut::drop)), both(delayed(100ms)), both(cutting(Cut::reject))}) {
    InjectorProcess injector(*lab, state, make);
    ASSERT_TRUE(injector.ready());
    injector.signal(SIGSTOP);
    const auto flows = [&](Side from) {
      return wait_until(2s, [&] {
        const auto took = one_way(*lab, from, Ip::v4, 64, 20ms);
        return took && *took < 20ms;
      });
    };
    EXPECT_TRUE(wait_until(2s, [&] {
      const Fd socket = lab->socket(Side::target, Ip::v4, SOCK_DGRAM);
      const auto address = Lab::address(Side::peer, Ip::v4, port + 1);
      return ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), length_of(address)) == 1;
    }));
    EXPECT_TRUE(flows(Side::target));
    EXPECT_TRUE(flows(Side::peer));
    injector.signal(SIGCONT);
    EXPECT_TRUE(wait_until(5s, [&] { return !one_way(*lab, Side::peer, Ip::v4, 64, 50ms); })) << "the fault comes back";
  }
}

TEST_P(KernelTest, NewInterfacesGetTheFault) {
  InjectorThread injector(*lab, make);
  ASSERT_APPLIED(injector, both(delayed(50ms)));
  lab->add_second_pair();
  const auto slow = [&](Side from) {
    return wait_until(2s, [&] { return one_way(*lab, from, Ip::v4, 64, 1s, 1).value_or(0ms) >= 50ms; });
  };
  EXPECT_TRUE(slow(Side::target));
  EXPECT_TRUE(slow(Side::peer));
  EXPECT_EQ(*injector.read_back(), both(delayed(50ms)));
  ASSERT_TRUE(lab->run(Side::target, "ip link del eth1"));
  EXPECT_TRUE(wait_until(2s, [&] { return injector.read_back() == both(delayed(50ms)); }));
  expect_delay(*lab, Side::target, Ip::v4, 50ms);
  lab->add_second_pair();
  EXPECT_TRUE(slow(Side::target));
}

// A rule of the target's own behind ours in the egress hook, which drops packets of one mark.
Result<> drop_marked(kernel::NetlinkSocket& owner, std::uint32_t mark) {
  namespace nft = kernel::nft;
  const auto bytes = kernel::bytes_of(mark);
  kernel::Writer batch;
  nft::begin_batch(batch);
  nft::add_table(batch, nft::Family::netdev, "target");
  nft::add_chain(batch, nft::Family::netdev, "target", {"marked", NF_NETDEV_EGRESS, 100, "eth0", {}});
  nft::add_rule(
      batch, nft::Family::netdev, "target", "marked",
      {"marked",
       {nft::LoadMeta{NFT_META_MARK}, nft::Compare{NFT_CMP_EQ, {bytes.begin(), bytes.end()}}, nft::Verdict{NF_DROP}}});
  nft::end_batch(batch);
  return nft::commit(owner, batch.bytes());
}

TEST_P(KernelTest, MarksOfTheApplicationSurvive) {
  if (!lab->has_egress_hook()) GTEST_SKIP() << "this kernel has no egress hook, where marks could be seen";
  InjectorThread injector(*lab, make);
  ASSERT_APPLIED(injector, with_egress(delayed(20ms)));
  constexpr int mark = 0x4002a;
  std::optional<kernel::NetlinkSocket> owner;
  lab->inside(Side::target, [&] { owner = std::move(*kernel::NetlinkSocket::open(NETLINK_NETFILTER)); });
  ASSERT_TRUE(drop_marked(*owner, mark));
  EXPECT_TRUE(stream(*lab, Side::target, Ip::v4, 20, 0us, mark).empty());
  EXPECT_EQ(stream(*lab, Side::target, Ip::v4, 20, 0us, mark + 1).size(), 20);
  EXPECT_EQ(stream(*lab, Side::target, Ip::v4, 20, 0us).size(), 20);
}

// Changes the state while packets are on their way; every one must arrive once.
void expect_change_loses_nothing(const Lab& lab, InjectorThread& injector, Side from, const State& before,
                                 const State& after) {
  constexpr int count = 400;
  ASSERT_APPLIED(injector, before);
  const auto held_before = injector.counters().delayed;
  std::vector<int> arrived;
  std::thread sending([&] { arrived = stream(lab, from, Ip::v4, count, 50us); });
  EXPECT_TRUE(wait_until(5s, [&] { return injector.counters().delayed >= held_before + count / 2; }));
  EXPECT_TRUE(injector.apply(after));
  sending.join();
  std::ranges::sort(arrived);
  EXPECT_EQ(arrived.size(), count);
  EXPECT_EQ(std::ranges::unique(arrived).size(), 0) << "some arrived twice";
}

TEST_P(KernelTest, ChangesKeepWhatIsHeld) {
  InjectorThread injector(*lab, make);
  const State slow = both(delayed(200ms));
  Effect more = delayed(150ms);
  more.delays.push_back({20ms, 0ms, 0, {}});
  for (const Side from : {Side::target, Side::peer}) {
    for (const State& after : {both(more), with_egress(delayed(200ms)), with_ingress(delayed(200ms)), State{}}) {
      expect_change_loses_nothing(*lab, injector, from, slow, after);
    }
  }
}

// How many arrive of those that were sent while the injector was at other work, just before a change.
std::size_t arrived_of_a_burst(const Lab& lab, InjectorThread& injector, Side from, int count, const State& after) {
  const Side to = from == Side::target ? Side::peer : Side::target;
  const Fd receiver = lab.socket(to, Ip::v4, SOCK_DGRAM);
  const int buffer = 64 << 20;
  ::setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  const auto address = Lab::address(to, Ip::v4, port);
  bind_to(receiver, address);
  const Fd sender = lab.socket(from, Ip::v4, SOCK_DGRAM);
  injector.with([&](kernel::Backend& backend) {
    for (int i = 0; i < count; ++i) {
      const auto* destination = reinterpret_cast<const sockaddr*>(&address);
      EXPECT_EQ(::sendto(sender.get(), &i, sizeof i, 0, destination, length_of(address)), ssize_t{sizeof i});
    }
    EXPECT_TRUE(backend.apply(after));
  });
  std::size_t arrived = 0;
  for (int number = 0; wait_readable(receiver, 300ms); ++arrived) {
    (void)!::recv(receiver.get(), &number, sizeof number, 0);
  }
  return arrived;
}

// The packets of one class wait while another one comes, which needs a queue of its own.
TEST_P(KernelTest, AnotherClassLosesNothingOfWhatArrives) {
  InjectorThread injector(*lab, make);
  kernel::Match other;
  other.ports = {{{443, 443}}};
  for (const Side from : {Side::target, Side::peer}) {
    const auto state = [&](std::vector<kernel::Class> classes) {
      const kernel::Traffic traffic(std::move(classes));
      return from == Side::target ? State{traffic, {}} : State{{}, traffic};
    };
    const kernel::Class slow = {"slow", {}, delayed(20ms)};
    ASSERT_APPLIED(injector, state({slow}));
    EXPECT_EQ(arrived_of_a_burst(*lab, injector, from, 100, state({{"other", other, delayed(40ms)}, slow})), 100);
    ASSERT_APPLIED(injector, {});
  }
}

TEST_P(KernelTest, TheEndLosesNothingOfALongBurst) {
  InjectorThread injector(*lab, make);
  for (const Side from : {Side::target, Side::peer}) {
    ASSERT_APPLIED(injector, from == Side::target ? with_egress(delayed(20ms)) : with_ingress(delayed(20ms)));
    EXPECT_EQ(arrived_of_a_burst(*lab, injector, from, 5000, {}), 5000);
  }
}

TEST(QueueTest, NumbersThatAreTakenAreLeftToTheirOwners) {
  if (const auto reason = why_no_lab()) GTEST_SKIP() << *reason;
  const Lab lab;
  lab.inside(Side::target, [] {
    const auto first = kernel::PacketQueues::open();
    const auto second = kernel::PacketQueues::open();
    if (!first) GTEST_SKIP() << first.error().message;
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_NE(first->egress(), second->egress());
    const auto names = kernel::NameQueue::open();
    const auto others = kernel::NameQueue::open();
    ASSERT_TRUE(names && others) << others.error().message;
    EXPECT_NE(names->number(), others->number());
  });
}

// A policy that lasts must not leak at the edges of another one's windows, however close these are.
TEST_P(KernelTest, ChangesFasterThanRenewalsLeaveNoGap) {
  InjectorThread injector(*lab, make);
  constexpr int changes = 25;  // of some 125 ms: three times as long as the interfaces stay alive without renewal
  constexpr int probes = 5;
  int too_early = 0;
  for (int i = 0; i < changes; ++i) {
    Effect effect = delayed(25ms);
    if (i % 2 != 0) effect.delays.push_back({1ms});
    ASSERT_APPLIED(injector, with_egress(effect));
    for (int probe = 0; probe < probes; ++probe) {
      const auto took = one_way(*lab, Side::target, Ip::v4);
      ASSERT_TRUE(took);
      too_early += *took < 20ms ? 1 : 0;
    }
  }
  EXPECT_EQ(too_early, 0);
}

TEST_P(KernelTest, ReadsBackWhatWasAskedAndLeavesNoTrace) {
  InjectorThread injector(*lab, make);
  Effect all = delayed(7ms);
  const double correlation = make != &kernel::make_userspace_backend ? 0 : 0.5;  // which netem does not heed
  all.delays.push_back({3ms, 1ms, correlation, kernel::Distribution::pareto});
  all.reorders = {{0.1, 5ms, 0.2, 3}};
  all.loss = 0.001;
  Effect cut = all;
  cut.cut = Cut::drop;
  Effect refuse = all;
  refuse.cut = Cut::reject;
  for (const Effect& effect : {delayed(7ms), all, cut, refuse, losing(1), losing(0.28)}) {
    for (const State& state : {with_egress(effect), with_ingress(effect), both(effect)}) {
      ASSERT_APPLIED(injector, state);
      EXPECT_EQ(*injector.read_back(), state);
    }
  }
  ASSERT_APPLIED(injector, {});
  EXPECT_EQ(*injector.read_back(), State{});
  EXPECT_EQ(tables_left(*lab), 0);
  EXPECT_TRUE(one_way(*lab, Side::target, Ip::v4));
}

}  // namespace
}  // namespace entropy::testing
