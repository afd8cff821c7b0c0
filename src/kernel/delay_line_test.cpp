// What is done in user space: which packet is lost, and which leaves when; and the sets that decide whose it is.
#include "kernel/delay_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "kernel/slots.hpp"

namespace entropy::kernel {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

Effect delayed(Duration delay, Duration jitter = 0ms, Distribution distribution = Distribution::uniform) {
  return {{{delay, jitter, 0, distribution}}, {}, 0, Cut::none};
}

Match to_peers(std::vector<Prefix> peers) {
  Match match;
  match.peers = Addresses::of(peers);
  return match;
}

struct Moments {
  double mean = 0;
  double deviation = 0;
  double correlation = 0;  // of neighbours
};

Moments moments(const std::vector<double>& values) {
  Moments m;
  for (const double v : values) m.mean += v / static_cast<double>(values.size());
  double square = 0;
  double product = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    square += (values[i] - m.mean) * (values[i] - m.mean);
    if (i > 0) product += (values[i] - m.mean) * (values[i - 1] - m.mean);
  }
  m.deviation = std::sqrt(square / static_cast<double>(values.size()));
  m.correlation = square > 0 ? product / square : 0;
  return m;
}

Moments sampled(const Delay& delay) {
  Prng prng(1);
  DelaySource source(delay);
  std::vector<double> values;
  values.reserve(100000);
  for (int i = 0; i < 100000; ++i) values.push_back(static_cast<double>(source.next(prng).count()));
  return moments(values);
}

TEST(Delays, FollowTheirDistribution) {
  const auto uniform = sampled({100ms, 10ms, 0, Distribution::uniform});
  EXPECT_NEAR(uniform.mean, 100'000, 200);
  EXPECT_NEAR(uniform.deviation, 10'000 / std::sqrt(3.0), 100);
  const auto normal = sampled({100ms, 10ms, 0, Distribution::normal});
  EXPECT_NEAR(normal.mean, 100'000, 200);
  EXPECT_NEAR(normal.deviation, 10'000, 150);
  // Pareto's long tail is cut at four times the jitter, as netem's tables are; that takes a little off the mean.
  for (const auto distribution : {Distribution::pareto, Distribution::paretonormal}) {
    const auto skewed = sampled({100ms, 10ms, 0, distribution});
    EXPECT_NEAR(skewed.mean, 99'500, 700);
    EXPECT_GT(skewed.deviation, 5'000);
    EXPECT_LT(skewed.deviation, 12'000);
  }
}

TEST(Delays, CorrelateAsAsked) {
  EXPECT_NEAR(sampled({100ms, 10ms, 0, {}}).correlation, 0, 0.02);
  EXPECT_NEAR(sampled({100ms, 10ms, 0.5, {}}).correlation, 0.5, 0.02);
}

TEST(Delays, AreNeverNegative) {
  Prng prng(3);
  DelaySource source({1ms, 50ms, 0, Distribution::normal});
  for (int i = 0; i < 1000; ++i) EXPECT_GE(source.next(prng), 0ms);
}

TEST(Delays, NormalQuantilesAreRight) {
  EXPECT_NEAR(quantile(Distribution::normal, 0.975), 1.959964, 1e-5);
  EXPECT_NEAR(quantile(Distribution::normal, 0.001), -3.090232, 1e-5);
  EXPECT_EQ(quantile(Distribution::normal, 0.5), 0);
}

Instant at(Duration time) { return Instant(time); }

std::vector<std::uint32_t> ids(const std::vector<HeldPacket>& packets) {
  std::vector<std::uint32_t> all;
  all.reserve(packets.size());
  for (const auto& packet : packets) all.push_back(packet.id);
  return all;
}

TEST(DelayLine, LetsPacketsGoWhenTheyAreDue) {
  DelayLine line(1);
  line.configure(delayed(10ms), at(0ms));
  line.arrive({1, 5}, at(0ms));
  line.arrive({2, 6}, at(1ms));
  EXPECT_EQ(line.next_due(), at(10ms));
  std::vector<HeldPacket> leaving;
  line.leave(at(9999us), leaving);
  EXPECT_TRUE(leaving.empty());
  line.leave(at(10ms), leaving);
  EXPECT_THAT(ids(leaving), ElementsAre(1));
  EXPECT_EQ(leaving.front().mark, 5);
  line.leave(at(11ms), leaving);
  EXPECT_THAT(ids(leaving), ElementsAre(1, 2));
  EXPECT_EQ(line.next_due(), std::nullopt);
}

TEST(DelayLine, JitterNeverReorders) {
  DelayLine line(7);
  line.configure(delayed(10ms, 10ms, Distribution::normal), at(0ms));
  for (std::uint32_t i = 0; i < 1000; ++i) line.arrive({i}, at(Duration(i * 100)));
  std::vector<HeldPacket> leaving;
  for (Duration time{0}; line.size() > 0; time += 50us) line.leave(at(time), leaving);
  EXPECT_TRUE(std::ranges::is_sorted(ids(leaving)));
}

TEST(DelayLine, DelaysAddUp) {
  DelayLine line(1);
  Effect effect = delayed(10ms);
  effect.delays.push_back({5ms, 0ms, 0, {}});
  line.configure(effect, at(0ms));
  line.arrive({1}, at(0ms));
  EXPECT_EQ(line.next_due(), at(15ms));
}

std::vector<bool> gone_ahead(const Reorder& reorder, int count) {
  Prng prng(11);
  ReorderSource source(reorder);
  std::vector<bool> all;
  all.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) all.push_back(source.goes_ahead(prng));
  return all;
}

TEST(Reorder, SendsTheShareAheadWithAndWithoutCorrelation) {
  for (const double correlation : {0.0, 0.5}) {
    const auto ahead = gone_ahead({0.25, 10ms, correlation, 0}, 100000);
    const auto m = moments({ahead.begin(), ahead.end()});
    EXPECT_NEAR(m.mean, 0.25, 0.01);
    EXPECT_NEAR(m.correlation, correlation, 0.02);
  }
}

TEST(Reorder, GapKeepsThemApart) {
  const auto ahead = gone_ahead({1, 10ms, 0, 5}, 100);
  for (std::size_t i = 0; i < ahead.size(); ++i) EXPECT_EQ(ahead[i], i % 5 == 4);
}

TEST(DelayLine, WhatGoesAheadPassesWhatWaits) {
  DelayLine line(1);
  Effect effect;
  effect.reorders = {{1, 10ms, 0, 3}};
  line.configure(effect, at(0ms));
  for (std::uint32_t i = 0; i < 6; ++i) line.arrive({i}, at(0ms));
  std::vector<HeldPacket> leaving;
  line.leave(at(0ms), leaving);
  EXPECT_THAT(ids(leaving), ElementsAre(2, 5));
  line.leave(at(10ms), leaving);
  EXPECT_THAT(ids(leaving), ElementsAre(2, 5, 0, 1, 3, 4));
}

TEST(DelayLine, AChangeShortensWhatIsHeldAndKeepsTheOrder) {
  DelayLine line(1);
  line.configure(delayed(10s), at(0ms));
  for (std::uint32_t i = 0; i < 3; ++i) line.arrive({i}, at(0ms));
  line.configure(delayed(1ms), at(5ms));
  line.arrive({3}, at(5ms));
  std::vector<HeldPacket> leaving;
  line.leave(at(6ms), leaving);
  EXPECT_THAT(ids(leaving), ElementsAre(0, 1, 2, 3));
}

double share_lost(const LossModel& model) {
  Prng prng(5);
  LossSource source(model);
  constexpr int count = 200'000;
  int lost = 0;
  for (int i = 0; i < count; ++i) lost += source.loses(prng) ? 1 : 0;
  return static_cast<double>(lost) / count;
}

TEST(Loss, ModelsLoseWhatTheirStatesSay) {
  // Bad a share p / (p + r) of the time.
  EXPECT_NEAR(share_lost(GilbertElliott{0.02, 0.18, 0, 1}), 0.1, 0.01);
  EXPECT_NEAR(share_lost(GilbertElliott{0.1, 0.1, 0.4, 0.9}), 0.5 * 0.6 + 0.5 * 0.1, 0.01);
  // Bursts alone: in state 3 for 1 / p31 packets, before that in state 1 for 1 / p13.
  EXPECT_NEAR(share_lost(Markov{0.05, 0.45, 0, 1, 0}), 0.1, 0.01);
  EXPECT_NEAR(share_lost(Markov{0, 1, 0, 1, 0.25}), 0.2, 0.01);  // every single loss is followed by a packet
}

TEST(DelayLine, ARateSpacesPackets) {
  DelayLine line(1);
  Effect effect;
  effect.rate = RateCap{1'000'000, 3200, 0};  // 125 bytes a millisecond
  line.configure(effect, at(0ms));
  int kept = 0;
  for (std::uint32_t i = 0; i < 100; ++i) kept += line.arrive({i, 0, 1236}, at(1s)) ? 1 : 0;
  // Of 1250 bytes with their header, 10 ms each: two by the burst, then as many as find room in 30,000 bytes.
  EXPECT_EQ(kept, 26);
  std::vector<HeldPacket> leaving;
  line.leave(at(1s), leaving);
  EXPECT_EQ(leaving.size(), 2U);
  line.leave(at(1s + 104ms), leaving);
  EXPECT_EQ(leaving.size(), 12U);
}

// Another policy's fault changes the line, or another rate holds: nobody passes those that wait for the old one.
TEST(DelayLine, AChangeOfALineWithARateKeepsTheOrder) {
  for (const std::uint64_t bits : {1'000'000, 500'000, 10'000'000}) {
    DelayLine line(1);
    Effect effect;
    effect.rate = RateCap{1'000'000, 2'000, 0};
    line.configure(effect, {});
    for (std::uint32_t i = 0; i < 20; ++i) EXPECT_TRUE(line.arrive({i, 0, 1236}, Instant(Duration(i))));
    effect.rate->bits = bits;
    effect.corrupt = 1e-9;
    line.configure(effect, Instant(1ms));
    for (std::uint32_t i = 20; i < 25; ++i) EXPECT_TRUE(line.arrive({i, 0, 1236}, Instant(50ms)));
    std::vector<HeldPacket> leaving;
    line.leave_all(leaving);
    EXPECT_TRUE(std::ranges::is_sorted(leaving, {}, &HeldPacket::id)) << bits;
  }
}

TEST(DelayLine, OneBitBehindTheHeaderIsFlipped) {
  Prng prng(3);
  Bytes packet(60, 0);
  packet[0] = 0x45;
  for (int i = 0; i < 1000; ++i) {
    const Bytes bad = corrupted(packet, prng);
    int bits = 0;
    for (std::size_t at = 0; at < packet.size(); ++at) {
      const int here = std::popcount(static_cast<unsigned>(packet[at] ^ bad[at]));
      if (here > 0) EXPECT_GE(at, 20U);
      bits += here;
    }
    EXPECT_EQ(bits, 1);
  }
  EXPECT_TRUE(corrupted({}, prng).empty());
  EXPECT_EQ(corrupted(View(packet).first(7), prng).size(), 7U);
}

TEST(Slots, ClassesKeepTheirs) {
  const auto named = [](std::string name, Match match, Effect effect) { return Class{std::move(name), match, effect}; };
  const Match db = to_peers({*parse_prefix("10.0.0.3")});
  const Match more = to_peers({*parse_prefix("10.0.0.3"), *parse_prefix("10.0.0.4")});
  const Traffic one({named("slow", db, delayed(1ms))});
  EXPECT_THAT(assign_slots({}, {}, one), ElementsAre(0));
  // By name while the peers change, by peers while others join in; new ones go where nothing was.
  const Traffic two({named("slow + flaky", db, delayed(1ms)), named("flaky", {}, Effect{{}, {}, 0.5, Cut::none})});
  EXPECT_THAT(assign_slots(one, {3}, two), ElementsAre(3, 0));
  EXPECT_THAT(assign_slots(one, {3}, Traffic({named("slow", more, delayed(1ms))})), ElementsAre(3));
  EXPECT_THAT(assign_slots(one, {0}, Traffic({named("other", more, delayed(1ms))})), ElementsAre(1));
  Effect narrow = delayed(1ms);
  narrow.rate = RateCap{1'000'000, 0, 0};
  EXPECT_THAT(assign_slots(one, {0}, Traffic({named("slow", db, narrow)})), ElementsAre(1)) << "other qdiscs";
}

TEST(Addresses, AreSets) {
  const auto of = [](std::vector<std::string> texts) {
    std::vector<Prefix> prefixes;
    for (const auto& text : texts) prefixes.push_back(*parse_prefix(text));
    return Addresses::of(prefixes);
  };
  EXPECT_EQ(of({"10.0.0.0/25", "10.0.0.128/25", "10.0.0.7"}), of({"10.0.0.0/24"}));
  EXPECT_EQ(of({"0.0.0.0/0", "::/0"}), Addresses{});
  EXPECT_EQ(both(of({"10.0.0.0/8"}), of({"10.1.0.0/16", "11.0.0.0/8", "fd00::1"})), of({"10.1.0.0/16"}));
  EXPECT_EQ(without(of({"10.0.0.0/30"}), of({"10.0.0.1"})), of({"10.0.0.0", "10.0.0.2/31"}));
  EXPECT_TRUE(without(Addresses{}, Addresses{}).empty());
  EXPECT_TRUE(both(of({"10.0.0.1"}), of({"10.0.0.2"})).empty());
  EXPECT_EQ(to_string(of({"10.0.0.3", "10.0.1.0/24", "fd00::/8"})), "10.0.0.3, 10.0.1.0/24, fd00::/8");
  EXPECT_EQ(to_string(without(Addresses{}, of({"10.0.0.3"}))), "all but 10.0.0.3");
  EXPECT_EQ(to_string(of({"10.0.0.1", "10.0.0.2"})), "10.0.0.1-10.0.0.2");
  EXPECT_EQ(to_string(Addresses::none()), "nobody");
}

TEST(DelayLine, EverythingLeavesInOrderAtTheEnd) {
  DelayLine line(1);
  line.configure(delayed(10ms), at(0ms));
  for (std::uint32_t i = 0; i < 5; ++i) line.arrive({i}, at(0ms));
  std::vector<HeldPacket> leaving;
  line.leave_all(leaving);
  EXPECT_THAT(ids(leaving), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(line.size(), 0);
}

}  // namespace
}  // namespace entropy::kernel
