#include "kernel/netem_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/delay_line.hpp"

namespace entropy::kernel {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Effect rich() {
  Effect effect;
  effect.delays = {{10ms, 0us, 0, {}}, {20ms, 5ms, 0, Distribution::pareto}, {1500us, 0us, 0, {}}};
  effect.reorders = {{0.25, 7ms, 0.5, 3}, {1, 5s, 0, 0}};
  return effect;
}

std::vector<tc::Qdisc> qdiscs_of(const Effect& effect, std::uint32_t device) {
  return qdiscs_for(effect, {}, device).value();
}

std::vector<tc::Netem> netems_for(const Effect& effect, Losing losing = Losing::rules) {
  std::vector<tc::Netem> netems;
  const auto chain = chain_for(effect, losing);
  EXPECT_TRUE(chain);
  for (const auto& options : chain.value_or(std::vector<Options>())) netems.push_back(std::get<tc::Netem>(options));
  return netems;
}
std::string error_for(const Effect& effect) { return chain_for(effect).error().message; }

Bytes written(const std::vector<tc::Qdisc>& qdiscs) {
  Writer out;
  for (const auto& qdisc : qdiscs) tc::add_qdisc(out, qdisc);
  return {out.bytes().begin(), out.bytes().end()};
}

// A request for a qdisc speaks of it with the same message as the kernel's answer to a dump.
TEST(Tc, EveryQdiscReadsBackAsWritten) {
  Effect full = rich();
  full.models = {GilbertElliott{0.01, 0.1, 0.2, 0.99}, Markov{0.01, 0.2, 0.1, 0.5, 0.001}};
  full.corrupt = 0.25;
  full.rate = RateCap{10'000'000, 50'000, 14};
  Effect fast;
  fast.rate = RateCap{80'000'000'000, 0, 0};
  for (const auto& qdiscs : {qdiscs_of(rich(), 7), qdiscs_of(full, 9), qdiscs_of(fast, 9)}) {
    EXPECT_EQ(tc::decode_qdiscs(written(qdiscs)), qdiscs);
  }
}

TEST(Tc, AQdiscIsBytesAsTheKernelWantsThem) {
  tc::Netem netem;
  netem.latency = 5'000'000'001ns;  // beyond 32 bits
  netem.limit = 77;
  netem.gap = 1;
  const Bytes bytes = written({{3, first_netem, first_held_class, "netem", netem, 0, 0}});
  View rest = bytes;
  const auto message = next_message(rest);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, RTM_NEWQDISC);
  const auto head = read_struct<tcmsg>(message->payload);
  EXPECT_EQ(head->tcm_ifindex, 3);
  EXPECT_EQ(head->tcm_parent, 0x4e540002u);
  const auto options = find(attributes_behind(message->payload, sizeof(tcmsg)), TCA_OPTIONS);
  const auto fixed = read_struct<tc_netem_qopt>(*options);
  EXPECT_EQ(fixed->limit, 77u);
  EXPECT_EQ(fixed->gap, 1u);
  const View attributes = attributes_behind(*options, sizeof(tc_netem_qopt));
  EXPECT_EQ(read_struct<std::int64_t>(*find(attributes, TCA_NETEM_LATENCY64)), 5'000'000'001);
  EXPECT_EQ(find(attributes, TCA_NETEM_DELAY_DIST), std::nullopt);
}

TEST(Tc, WhatWeDontAskForIsNotTakenForOurs) {
  const Effect effect = {{{10ms, 2ms, 0, {}}}, {}, 0, Cut::none};
  const auto wanted = qdiscs_of(effect, 4);
  Bytes bytes = written({wanted.back()});
  const std::size_t options = sizeof(nlmsghdr) + sizeof(tcmsg) + 12 + sizeof(nlattr);
  bytes[options + offsetof(tc_netem_qopt, duplicate)] = 1;
  const auto doubling = tc::decode_qdiscs(bytes);
  ASSERT_EQ(doubling.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(doubling[0].options));
  EXPECT_THAT(*difference({wanted.front(), doubling[0]}, wanted),
              HasSubstr("netem 4e55: on interface 4 is not as it was asked for"));
}

void decode_all(View bytes) {
  const Bytes exact(bytes.begin(), bytes.end());
  for (const auto& qdisc : tc::decode_qdiscs(exact)) EXPECT_LT(qdisc.kind.size(), exact.size());
}

TEST(Tc, TruncatedAndHostileBytesAreNeverReadBeyond) {
  const Bytes whole = written(qdiscs_of(rich(), 7));
  for (std::size_t length = 0; length < whole.size(); length += 7) decode_all(View(whole).first(length));
  Prng prng(5);
  for (int i = 0; i < 1000; ++i) {
    Bytes bad = whole;
    for (int j = 0; j < 8; ++j) {
      const double place = prng.unit() * static_cast<double>(j < 4 ? 400 : bad.size());
      bad[static_cast<std::size_t>(place)] = static_cast<std::uint8_t>(prng.unit() * 256);
    }
    decode_all(bad);
  }
}

TEST(Tc, DistributionsHaveTheMomentsThatNetemWants) {
  for (const auto distribution :
       {Distribution::uniform, Distribution::normal, Distribution::pareto, Distribution::paretonormal}) {
    const auto table = tc::distribution_table(distribution);
    ASSERT_EQ(table.size(), 4096u);
    EXPECT_TRUE(std::ranges::is_sorted(table));
    double mean = 0;
    double square = 0;
    for (const double value : table) mean += value / 4096;
    for (const double value : table) square += (value - mean) * (value - mean) / 4096;
    EXPECT_NEAR(mean / NETEM_DIST_SCALE, 0, 0.06);
    const double deviation = std::sqrt(square) / NETEM_DIST_SCALE;
    if (distribution == Distribution::uniform) EXPECT_NEAR(deviation, 1 / std::sqrt(3.0), 0.001);
    if (distribution == Distribution::normal) EXPECT_NEAR(deviation, 1, 0.01);
  }
}

TEST(NetemPlan, PlainDelaysAreOneAndJitterKeepsTheOrder) {
  const auto netems = netems_for(rich());
  ASSERT_EQ(netems.size(), 4u);
  EXPECT_EQ(netems[0].latency, 11500us);
  EXPECT_FALSE(netems[0].in_order);
  EXPECT_TRUE(netems[1].in_order);
  EXPECT_EQ(netems[2].gap, 3u);
  EXPECT_GT(netems[2].ahead, 0x40000000u);  // of correlated numbers fewer are small
  EXPECT_EQ(netems[3].gap, 1u);
  EXPECT_EQ(netems[3].ahead, 0xffffffffu);
  EXPECT_TRUE(netems_for({}).empty());
}

TEST(NetemPlan, TheFirstLosesWhereRulesCant) {
  Effect effect;
  effect.loss = 0.5;
  EXPECT_TRUE(netems_for(effect).empty());
  const auto losing = netems_for(effect, Losing::netem);
  ASSERT_EQ(losing.size(), 1u);
  EXPECT_NEAR(losing[0].loss, std::numeric_limits<std::uint32_t>::max() * 0.5, 1);
  effect.delays = {{10ms, 0us, 0, {}}};
  effect.cut = Cut::drop;
  const auto dropping = netems_for(effect, Losing::netem);
  ASSERT_EQ(dropping.size(), 1u);
  EXPECT_EQ(dropping[0].latency, 10ms);
  EXPECT_EQ(dropping[0].loss, std::numeric_limits<std::uint32_t>::max());
}

// sch_netem.c adds up the chances to leave a state, in 32 bits.
TEST(NetemPlan, ChancesToLeaveAStateDoNotExceedCertainty) {
  for (const double p : {0.1, 0.25, 0.3, 0.5}) {
    Effect effect;
    effect.models = {Markov{p, 1 - p, p, 1, 1 - p}};
    const auto model = std::get<tc::NetemMarkov>(netems_for(effect).front().model);
    EXPECT_LE(std::uint64_t{model.p13} + model.p14, std::numeric_limits<std::uint32_t>::max()) << p;
    EXPECT_LE(std::uint64_t{model.p31} + model.p32, std::numeric_limits<std::uint32_t>::max()) << p;
    EXPECT_EQ(model.p23, std::numeric_limits<std::uint32_t>::max());
  }
}

TEST(NetemPlan, CorrelatedReordersKeepTheirShare) {
  for (const double correlation : {0.0, 0.25, 0.5, 0.9}) {
    const Effect effect = {{}, {{0.25, 10ms, correlation, 0}}, 0, Cut::none};
    const double ahead = netems_for(effect)[0].ahead / 4294967295.0;
    Prng prng(99);
    double last = 0;
    int count = 0;
    constexpr int draws = 100'000;
    for (int i = 0; i < draws; ++i) {
      last = (1 - correlation) * prng.unit() + correlation * last;
      if (last <= ahead) ++count;
    }
    EXPECT_NEAR(count, draws / 4, draws / 50) << correlation;
  }
}

TEST(NetemPlan, WhatNetemCantDoIsSaid) {
  EXPECT_THAT(error_for({{{60s, 3s, 0, {}}}, {}, 0, Cut::none}), HasSubstr("a jitter of 3s"));
  EXPECT_THAT(error_for({{{60s, 1s, 0.5, {}}}, {}, 0, Cut::none}), HasSubstr("correlation of jitter"));
  Effect many;
  many.delays.resize(9, {10ms, 1ms, 0, {}});
  EXPECT_THAT(error_for(many), HasSubstr("netem can nest 7"));
  Effect patient;
  patient.rate = RateCap{8'000, 1 << 20, 0};
  EXPECT_THAT(error_for(patient), HasSubstr("a burst that takes more than 4m34s"));
  patient.rate->bits = 80'000;
  EXPECT_TRUE(chain_for(patient));
}

TEST(NetemPlan, ChangesLeadFromOneStateToTheOther) {
  const Effect plain = {{{10ms, 0us, 0, {}}}, {}, 0, Cut::none};
  const auto less = qdiscs_of(plain, 7);
  const auto more = qdiscs_of(rich(), 7);
  EXPECT_EQ(qdisc_changes({}, more, false).added, more);
  const auto up = qdisc_changes(less, more, false);
  EXPECT_EQ(up.added.size(), 3u);
  EXPECT_EQ(up.changed.size(), 1u);
  // What is below must not be removed while it holds packets.
  const auto down = qdisc_changes(more, less, false);
  EXPECT_TRUE(down.added.empty());
  EXPECT_EQ(down.changed.size(), 4u);
  auto after = more;
  for (const auto& changed : down.changed) {
    for (auto& qdisc : after) {
      if (qdisc.handle == changed.handle) qdisc = changed;
    }
  }
  EXPECT_EQ(difference(after, less), std::nullopt);
  EXPECT_TRUE(qdisc_changes(after, less, false).changed.empty());
  EXPECT_EQ(qdisc_changes(after, less, true).changed.size(), 1u);
}

TEST(NetemPlan, EveryClassHasABandOfItsOwn) {
  Traffic traffic;
  const Effect plain = {{{10ms, 0us, 0, {}}}, {}, 0, Cut::none};
  for (const std::string name : {"a", "b", "c"}) traffic.classes.push_back({name, {}, plain});
  traffic.classes[1].effect = {{}, {}, 0.5, Cut::none};  // for which there is nothing to be done here
  const auto qdiscs = qdiscs_for(traffic, {4, 1, 0}, 7).value();
  ASSERT_EQ(qdiscs.size(), 3u);
  EXPECT_EQ(std::get<tc::Prio>(qdiscs[0].options).bands, 16u);
  EXPECT_EQ(qdiscs[1].parent, first_held_class + 4);
  EXPECT_EQ(qdiscs[2].parent, first_held_class);
  EXPECT_NE(qdiscs[1].handle, qdiscs[2].handle);
}

TEST(NetemPlan, AnotherKindOfChainTakesThePlaceOfTheOldOne) {
  const Effect plain = {{{10ms, 0us, 0, {}}}, {}, 0, Cut::none};
  Effect narrow;
  narrow.rate = RateCap{10'000'000, 0, 0};
  Effect both = plain;
  both.rate = narrow.rate;
  for (const auto& [before, after] : {std::pair{plain, narrow}, {narrow, plain}, {both, plain}, {rich(), both}}) {
    const auto has = qdiscs_of(before, 7);
    const auto wanted = qdiscs_of(after, 7);
    const auto changes = qdisc_changes(has, wanted, false);
    ASSERT_EQ(changes.removed.size(), 1u);
    EXPECT_EQ(changes.removed[0].parent, first_held_class);
    EXPECT_EQ(changes.added.size(), wanted.size() - 1);  // all but the prio
    EXPECT_TRUE(changes.changed.empty());
  }
  EXPECT_TRUE(qdisc_changes(qdiscs_of(plain, 7), qdiscs_of(rich(), 7), false).removed.empty());
}

TEST(NetemPlan, EachDropCountsOnce) {
  Effect effect = {{{10ms, 0us, 0, {}}}, {}, 0, Cut::none};
  effect.models = {GilbertElliott{0.1, 0.1, 0, 1}};
  effect.rate = RateCap{10'000'000, 0, 0};
  auto qdiscs = qdiscs_of(effect, 7);
  ASSERT_EQ(qdiscs.size(), 4u);
  qdiscs[0].dropped = 30;
  qdiscs[1].dropped = 30;  // all of them the model's, which it was told of
  qdiscs[2].dropped = 35;  // five of them the bucket's
  qdiscs[3].dropped = 5;
  EXPECT_EQ(dropped_on(7, qdiscs), (std::map<unsigned, std::uint64_t>{{0, 35}}));
}

TEST(NetemPlan, OursAreKnownFromOthers) {
  const auto ours = qdiscs_of(rich(), 7);
  EXPECT_EQ(surplus_roots(ours, {}).size(), 1u);
  EXPECT_TRUE(surplus_roots(ours, ours).empty());
  EXPECT_THAT(*difference(ours, {}), HasSubstr("prio 4e54: on interface 7 is still there"));
  EXPECT_THAT(*difference({}, ours), HasSubstr("there is no prio 4e54: on interface 7"));
  const tc::Qdisc htb = {7, 0x10000, tc::root_parent, "htb", {}, 0, 0};
  const tc::Qdisc standard = {7, 0, tc::root_parent, "fq_codel", {}, 0, 0};
  EXPECT_TRUE(is_foreign_root(htb));
  EXPECT_FALSE(is_foreign_root(standard));
  EXPECT_FALSE(is_foreign_root(ours[0]));
  EXPECT_EQ(difference({htb, standard}, {}), std::nullopt);
}

}  // namespace
}  // namespace entropy::kernel
