// The table of cases: every failure of the network, in either direction, behind every filter, over IPv4 and IPv6, as an
// endpoint sees it; what is outside of the filter is left alone. Each prints what was asked and what was seen. The
// whole product runs with ENTROPY_TEST_ALL=1 (make test-long); else every failure once, and every filter once.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "base/text.hpp"
#include "kernel/backends.hpp"

namespace entropy::testing {
namespace {

using kernel::Class;
using kernel::Cut;
using kernel::Effect;
using kernel::Match;
using kernel::State;
using kernel::Traffic;

constexpr int other_host = 3;
constexpr int other_port = port + 1;
constexpr int probes = 1500;

struct Seen {
  std::string text;
  bool right = false;
};

struct Failure {
  const char* name;
  Effect effect;
  Seen (*measure)(const Lab& lab, const Flow& flow);
};

std::string number(double value) { return to_string(std::round(value * 100) / 100); }

// Within what 99.999 % of all experiments with such dice show, and a little of the machine's own.
Seen share_seen(const char* what, double asked, double seen) {
  const double deviation = std::sqrt(asked * (1 - asked) / probes);
  return {concat(number(100 * seen), " % ", what), std::abs(seen - asked) < 4.42 * deviation + 0.01};
}

double share_lost(const std::vector<Arrived>& arrived) { return 1 - static_cast<double>(arrived.size()) / probes; }

// The lower quartile: a machine that has other things to do delays the others.
Milliseconds typical(std::vector<Arrived> arrived) {
  if (arrived.empty()) return Milliseconds(1e6);
  std::ranges::sort(arrived, {}, &Arrived::took);
  return arrived[arrived.size() / 4].took;
}

// Of the first of three looks that was within the limit, or of the soonest: a machine that does nothing of this for a
// moment delays all of a look.
Milliseconds typical_within(Milliseconds limit, const std::function<std::vector<Arrived>()>& look) {
  Milliseconds soonest(1e6);
  for (int i = 0; i < 3 && soonest > limit; ++i) soonest = std::min(soonest, typical(look()));
  return soonest;
}

Seen measure_delay(const Lab& lab, const Flow& flow) {
  const Milliseconds limit = 40ms * 1.1 + slack();
  const Milliseconds took = typical_within(limit, [&] { return probe(lab, flow, 20, 64, 1ms); });
  return {concat(number(took.count()), " ms"), took >= 40ms && took <= limit};
}

Seen measure_loss(const Lab& lab, const Flow& flow) {
  return share_seen("lost", 0.3, share_lost(probe(lab, flow, probes, 64, 20us)));
}

// The mean number of losses that follow one another.
double mean_burst(const std::vector<Arrived>& arrived) {
  int bursts = 0;
  int lost = 0;
  int expected = 0;
  for (const auto& each : arrived) {
    if (each.number > expected) {
      ++bursts;
      lost += each.number - expected;
    }
    expected = each.number + 1;
  }
  return bursts == 0 ? 0 : static_cast<double>(lost) / bursts;
}

// Losses in bursts scatter more than dice do: by the length of the bursts.
Seen bursts_seen(const Lab& lab, const Flow& flow, double share, double burst) {
  const auto arrived = probe(lab, flow, probes, 64, 20us);
  const double lost = share_lost(arrived);
  const double seen = mean_burst(arrived);
  const double deviation = std::sqrt(share * (1 - share) / probes * 2 * burst);
  return {concat(number(100 * lost), " % lost, ", number(seen), " in a row"),
          std::abs(lost - share) < 4.42 * deviation + 0.01 && seen > 0.7 * burst && seen < 1.4 * burst};
}

Seen measure_gilbert_elliott(const Lab& lab, const Flow& flow) { return bursts_seen(lab, flow, 0.2, 5); }
Seen measure_markov(const Lab& lab, const Flow& flow) { return bursts_seen(lab, flow, 0.2, 4); }

Seen measure_duplicate(const Lab& lab, const Flow& flow) {
  const auto arrived = probe(lab, flow, probes, 64, 20us);
  std::vector<int> numbers;
  for (const auto& each : arrived) numbers.push_back(each.number);
  std::ranges::sort(numbers);
  const auto repeated = std::ranges::unique(numbers).size();
  if (arrived.size() - repeated != probes) return {concat(probes - (arrived.size() - repeated), " lost"), false};
  return share_seen("twice", 0.2, static_cast<double>(repeated) / probes);
}

// A flipped bit makes the checksum wrong, and the receiver drops the packet; but netem flips bits that nobody looks at
// (of the sender's MAC address) as well.
Seen measure_corrupt(const Lab& lab, const Flow& flow) {
  const double lost = share_lost(probe(lab, flow, probes, 64, 20us));
  return {concat(number(100 * lost), " % spoilt"), lost > 0.3 * 0.85 - 0.05 && lost < 0.3 + 0.055};
}

// 20 datagrams of 1,264 bytes with their headers: 202 ms at 1 Mbit/s, 25 of which the burst saves.
Seen measure_rate(const Lab& lab, const Flow& flow) {
  const std::size_t headers = flow.ip == Ip::v4 ? 42 : 62;
  const auto arrived = probe(lab, flow, 20, 1264 - headers, 0us);
  if (arrived.size() != 20) return {concat(arrived.size(), " of 20 arrived"), false};
  const Milliseconds took = arrived.back().at;
  return {concat("20 datagrams in ", number(took.count()), " ms"), took > 160ms && took < 202ms + 2 * slack()};
}

Seen measure_reorder(const Lab& lab, const Flow& flow) {
  const auto arrived = probe(lab, flow, probes, 64, 100us);
  int waited = 0;
  int highest = -1;
  for (const auto& each : arrived) {
    waited += each.number < highest ? 1 : 0;
    highest = std::max(highest, each.number);
  }
  if (arrived.size() != probes) return {concat(arrived.size(), " arrived"), false};
  return share_seen("were overtaken", 0.75, static_cast<double>(waited) / probes);
}

Seen measure_reject(const Lab& lab, const Flow& flow) {
  Flow refused = flow;
  refused.refused = true;
  const auto arrived = probe(lab, refused, 100, 64, 0us);
  return {concat(arrived.size(), " of 100 arrived"), arrived.empty()};
}

Seen measure_drop(const Lab& lab, const Flow& flow) {
  const auto arrived = probe(lab, flow, 100, 64, 0us);
  return {concat(arrived.size(), " of 100 arrived"), arrived.empty()};
}

Effect with(void (*change)(Effect&)) {
  Effect effect;
  change(effect);
  return effect;
}

const std::vector<Failure>& failures() {
  static const std::vector<Failure> all = {
      {"latency 40ms", with([](Effect& e) { e.delays = {{40ms, {}, 0, {}}}; }), measure_delay},
      {"loss 30%", with([](Effect& e) { e.loss = 0.3; }), measure_loss},
      {"loss gilbert-elliott p=5% r=20%", with([](Effect& e) { e.models = {kernel::GilbertElliott{0.05, 0.2, 0, 1}}; }),
       measure_gilbert_elliott},
      {"loss markov p13=6.25% p31=25%", with([](Effect& e) { e.models = {kernel::Markov{0.0625, 0.25, 0, 1, 0}}; }),
       measure_markov},
      {"duplicate 20%", with([](Effect& e) { e.duplicate = 0.2; }), measure_duplicate},
      {"corrupt 30%", with([](Effect& e) { e.corrupt = 0.3; }), measure_corrupt},
      {"rate 1mbit", with([](Effect& e) { e.rate = kernel::RateCap{1'000'000, 0, 0}; }), measure_rate},
      {"reorder 25% over 100ms", with([](Effect& e) { e.reorders = {{0.25, 100ms, 0, 0}}; }), measure_reorder},
      {"partition drop", with([](Effect& e) { e.cut = Cut::drop; }), measure_drop},
      {"partition reject", with([](Effect& e) { e.cut = Cut::reject; }), measure_reject},
  };
  return all;
}

struct Filter {
  const char* name;
  Match match;
  std::optional<Flow> outside;  // from and ip are the case's
};

kernel::Addresses addresses(std::vector<std::string> texts) {
  std::vector<Prefix> prefixes;
  for (const auto& text : texts) prefixes.push_back(*parse_prefix(text));
  return kernel::Addresses::of(prefixes);
}

std::vector<Filter> filters() {
  std::vector<Filter> all(6);
  all[0] = {"everything", {}, {}};
  all[1] = {"peers", {}, Flow{.host = other_host}};
  all[1].match.peers = addresses({"10.9.0.2", "fd09:0::2"});
  all[2] = {"exclude", {}, Flow{.host = other_host}};
  all[2].match.peers = without(kernel::Addresses{}, addresses({"10.9.0.3", "fd09:0::3"}));
  all[3] = {"ports", {}, Flow{.port = other_port}};
  all[3].match.ports = {{{80, 80}, {port, port}}};
  all[4] = {"protocol and interface", {}, Flow{.pair = 1}};
  all[4].match.transport = kernel::Transport::udp;
  all[4].match.interfaces = {"eth0"};
  all[5] = {"networks and ports", {}, Flow{.host = other_host, .port = other_port}};
  all[5].match.peers = addresses({"10.9.0.0/24", "fd09:0::/64"});
  all[5].match.ports = {{{port, port}}};
  return all;
}

class CaseTest : public BackendTest {
 protected:
  void run(const Failure& failure, const Filter& filter, Side from, Ip ip) {
    const Traffic traffic({Class{"case", filter.match, failure.effect}});
    const State state = from == Side::target ? State{traffic, {}} : State{{}, traffic};
    const auto applied = injector->apply(state);
    const std::string name = concat(failure.name, " | ", from == Side::target ? "egress" : "ingress", " | ",
                                    filter.name, " | ", ip == Ip::v4 ? "IPv4" : "IPv6");
    ASSERT_TRUE(applied) << name << ": " << applied.error().message;
    const auto held = injector->read_back();
    EXPECT_TRUE(held == state) << name << ": " << (held ? "another state" : held.error().message);
    const Seen seen = failure.measure(*lab, {.from = from, .ip = ip});
    std::printf("| %s | %s |\n", name.c_str(), seen.text.c_str());
    EXPECT_TRUE(seen.right) << name << ": " << seen.text;
    if (!filter.outside) return;
    Flow outside = *filter.outside;
    outside.from = from;
    outside.ip = ip;
    const auto look = [&] {
      auto arrived = probe(*lab, outside, 50, 1200, 0us);
      EXPECT_EQ(arrived.size(), 50U) << name << ", outside";
      return arrived;
    };
    EXPECT_LE(typical_within(20ms + slack(), look), 20ms + slack()) << name << ", outside";
  }

  void SetUp() override {
    BackendTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    lab->add_peer_address(other_host);
    lab->add_second_pair();
    // The new ways are resolved before they are measured.
    for (const Ip ip : {Ip::v4, Ip::v6}) {
      for (const Flow& flow : {Flow{.ip = ip, .host = other_host}, Flow{.ip = ip, .pair = 1}}) {
        ASSERT_TRUE(wait_until(5s, [&] { return probe(*lab, flow, 1, 64, 0us).size() == 1; }));
      }
    }
    injector.emplace(*lab, make);
  }
  std::optional<InjectorThread> injector;
};

INSTANTIATE_TEST_SUITE_P(Backend, CaseTest, every_backend, backend_name);

bool asked_for_all() { return std::getenv("ENTROPY_TEST_ALL") != nullptr; }

TEST_P(CaseTest, EveryFailure) {
  for (const auto& failure : failures()) {
    const auto everything = filters().front();
    run(failure, everything, Side::target, Ip::v4);
    run(failure, everything, Side::peer, Ip::v6);
    if (!asked_for_all()) continue;
    run(failure, everything, Side::target, Ip::v6);
    run(failure, everything, Side::peer, Ip::v4);
  }
}

TEST_P(CaseTest, EveryFilter) {
  const auto all = filters();
  std::size_t turn = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    for (const Side from : {Side::target, Side::peer}) {
      for (const Ip ip : {Ip::v4, Ip::v6}) {
        // In turns those that work by rules, by copies, and in queues or qdiscs.
        constexpr std::array<std::size_t, 4> chosen = {0, 4, 8, 6};
        if (!asked_for_all()) {
          run(failures()[chosen[turn++ % chosen.size()]], all[i], from, ip);
          continue;
        }
        for (const auto& failure : failures()) run(failure, all[i], from, ip);
      }
    }
  }
}

Class class_for(std::string name, std::vector<std::string> peers, Effect effect) {
  Class made{std::move(name), {}, std::move(effect)};
  if (!peers.empty()) made.match.peers = addresses(std::move(peers));
  return made;
}

Effect delay_of(Duration delay) { return {{{delay, {}, 0, {}}}, {}, 0, Cut::none}; }

TEST_P(CaseTest, ClassesSideBySide) {
  const Traffic two({class_for("near", {"10.9.0.2"}, delay_of(20ms)), class_for("all", {}, delay_of(60ms))});
  ASSERT_TRUE(injector->apply({two, two}));
  EXPECT_EQ(injector->read_back(), (State{two, two}));
  for (const Side from : {Side::target, Side::peer}) {
    const auto look = [&](int host) { return probe(*lab, {.from = from, .host = host}, 10, 64, 1ms); };
    const auto near = typical_within(22ms + slack(), [&] { return look(Flow{}.host); });
    const auto far = typical_within(66ms + slack(), [&] { return look(other_host); });
    EXPECT_GE(near, 20ms);
    EXPECT_LE(near, 22ms + slack());
    EXPECT_GE(far, 60ms);
    EXPECT_LE(far, 66ms + slack());
  }
}

TEST_P(CaseTest, FifteenClasses) {
  std::vector<Class> classes;
  for (int i = 0; i < static_cast<int>(kernel::most_classes); ++i) {
    classes.push_back(class_for(concat("host ", i), {concat("10.9.0.", 2 + i), concat("fd09:0::", 2 + i)},
                                delay_of(i == 0 ? 10ms : 30ms)));
  }
  const State state{Traffic(classes), Traffic(classes)};
  ASSERT_TRUE(injector->apply(state));
  EXPECT_EQ(injector->read_back(), state);
  const auto near = [&] { return probe(*lab, {.host = 2}, 10, 64, 1ms); };
  EXPECT_LE(typical_within(20ms + slack(), near), 20ms + slack());
  EXPECT_GE(typical(probe(*lab, {.host = other_host}, 10, 64, 1ms)), 30ms);
  classes.push_back(class_for("one more", {"10.9.0.99"}, delay_of(1ms)));
  const auto refused = injector->apply({Traffic(classes), {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
}

// While a partition's peers scale from 2 to 20 and back, nothing gets through to those that are always among them.
TEST_P(CaseTest, APartitionHasNoGapWhilePeersComeAndGo) {
  const auto cut_off = [](int count) {
    std::vector<std::string> peers;
    for (int i = 0; i < count; ++i) {
      peers.push_back(concat("10.9.0.", 2 + 2 * i));
      peers.push_back(concat("fd09:0::", 2 + 2 * i));
    }
    const Traffic traffic({class_for("cut", std::move(peers), Effect{{}, {}, 0, Cut::drop})});
    return State{traffic, traffic};
  };
  ASSERT_TRUE(injector->apply(cut_off(2)));
  std::atomic<bool> flooding = true;
  std::vector<Arrived> through;
  std::thread flood([&] {
    while (flooding) {
      for (const Side from : {Side::target, Side::peer}) {
        const auto some = probe(*lab, {.from = from}, 3000, 64, 10us);
        through.insert(through.end(), some.begin(), some.end());
      }
    }
  });
  for (int round = 0; round < 3; ++round) {
    for (int count = 2; count <= 20; ++count) EXPECT_TRUE(injector->apply(cut_off(count)));
    for (int count = 20; count >= 2; --count) EXPECT_TRUE(injector->apply(cut_off(count)));
  }
  flooding = false;
  flood.join();
  EXPECT_TRUE(through.empty()) << through.size() << " got through";
  EXPECT_GT(injector->counters().dropped, 1000U);
  EXPECT_EQ(probe(*lab, {.host = other_host}, 20, 64, 0us).size(), 20U);
}

}  // namespace
}  // namespace entropy::testing
