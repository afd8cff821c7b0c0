#include "injector/merge.hpp"

#include <gmock/gmock.h>

#include "injector/attribution.hpp"
#include "injector/decide.hpp"
#include "injector/injector_fixture.hpp"

namespace entropy::injector {
namespace {

using kernel::Cut;

// What happens to every packet that leaves; the faults are for all of them.
kernel::Effect egress_of(const std::vector<failure::Failure>& failures) {
  const auto state = merged(failures);
  EXPECT_EQ(state.egress.classes.size(), 1U);
  EXPECT_TRUE(state.egress.classes.at(0).match.is_everything());
  return state.egress.classes.at(0).effect;
}

TEST(Merge, NothingIsNothing) {
  EXPECT_TRUE(merged({}).empty());
  EXPECT_EQ(describe(merged({})), "nothing");
}

TEST(Merge, DelaysAndReordersAreListed) {
  const std::vector<failure::Failure> failures = {
      make_failure("latency", {{"delay", "200ms"}, {"jitter", "10ms"}, {"distribution", "normal"}}),
      make_failure("reorder", {{"percent", "25"}, {"gap", "5"}, {"correlation", "50"}}),
      make_failure("latency", {{"delay", "1s"}})};
  const auto effect = egress_of(failures);
  EXPECT_THAT(effect.delays, ElementsAre(kernel::Delay{200ms, 10ms, 0, kernel::Distribution::normal},
                                         kernel::Delay{1s, 0ms, 0, kernel::Distribution::uniform}));
  EXPECT_THAT(effect.reorders, ElementsAre(kernel::Reorder{0.25, 10ms, 0.5, 5}));
  EXPECT_TRUE(merged(failures).ingress.empty());
}

TEST(Merge, DiceAreIndependent) {
  const auto tenth = make_failure("loss", {{"percent", "10"}});
  EXPECT_DOUBLE_EQ(egress_of({tenth}).loss, 0.1);
  EXPECT_DOUBLE_EQ(egress_of({tenth, tenth}).loss, 0.19);
  EXPECT_DOUBLE_EQ(egress_of({tenth, make_failure("loss", {{"percent", "100"}})}).loss, 1);
  const auto twice = make_failure("duplicate", {{"percent", "10"}});
  EXPECT_DOUBLE_EQ(egress_of({twice, twice}).duplicate, 0.19);
  const auto bad = make_failure("corrupt", {{"percent", "50"}});
  EXPECT_DOUBLE_EQ(egress_of({bad, bad}).corrupt, 0.75);
}

TEST(Merge, ModelsHaveTheirDefaults) {
  const auto effect = egress_of({make_failure("loss", {{"model.gilbert-elliott.p", "1"}}),
                                 make_failure("loss", {{"model.markov.p13", "5"}, {"model.markov.p31", "40"}})});
  EXPECT_EQ(effect.loss, 0);
  EXPECT_THAT(effect.models, ElementsAre(kernel::LossModel(kernel::GilbertElliott{0.01, 0.99, 0, 1}),
                                         kernel::LossModel(kernel::Markov{0.05, 0.4, 0, 1, 0})));
}

TEST(Merge, TheSmallestRateWins) {
  const auto fast = make_failure("rate", {{"rate", "10mbit"}});
  const auto slow = make_failure("rate", {{"rate", "1mbit"}, {"burst", "10kB"}, {"packet-overhead", "26"}});
  for (const auto& order : {std::vector{fast, slow}, std::vector{slow, fast}}) {
    EXPECT_EQ(egress_of(order).rate, (kernel::RateCap{1'000'000, 10'000, 26}));
  }
}

TEST(Merge, DropWinsOverReject) {
  const auto drop = make_failure("partition", {});
  const auto reject = make_failure("partition", {{"mode", "reject"}});
  EXPECT_EQ(egress_of({reject}).cut, Cut::reject);
  EXPECT_EQ(egress_of({reject, drop}).cut, Cut::drop);
  EXPECT_EQ(merged({drop, reject}).ingress.classes.at(0).effect.cut, Cut::drop);
}

TEST(Merge, EveryDirectionHasItsOwn) {
  const auto state = merged({make_failure("latency", {{"delay", "1ms"}, {"direction", "ingress"}}),
                             make_failure("loss", {{"percent", "10"}, {"direction", "both"}}),
                             make_failure("partition", {{"direction", "egress"}})});
  const auto& egress = state.egress.classes.at(0).effect;
  const auto& ingress = state.ingress.classes.at(0).effect;
  EXPECT_EQ(egress.delays.size(), 0U);
  EXPECT_EQ(ingress.delays.size(), 1U);
  EXPECT_DOUBLE_EQ(egress.loss, 0.1);
  EXPECT_DOUBLE_EQ(ingress.loss, 0.1);
  EXPECT_EQ(egress.cut, Cut::drop);
  EXPECT_EQ(ingress.cut, Cut::none);
}

TEST(Merge, IsDescribedForPeople) {
  const auto state = merged({make_failure("latency", {{"delay", "200ms"}, {"jitter", "50ms"}}),
                             make_failure("loss", {{"percent", "10"}, {"direction", "both"}}),
                             make_failure("loss", {{"percent", "30"}}), make_failure("reorder", {{"percent", "5"}}),
                             make_failure("partition", {{"mode", "reject"}, {"direction", "ingress"}})});
  EXPECT_EQ(describe(state), "egress delay 200ms ± 50ms, reorder 5% over 10ms, loss 37%; ingress loss 10%, reject");
}

Part part(std::string policy, std::string_view name, const failure::Params& params) {
  return {std::move(policy), make_failure(name, params)};
}

// The names of the classes of egress, in the order in which packets are held against them.
std::vector<std::string> classes(const std::vector<Part>& parts) {
  std::vector<std::string> names;
  for (const auto& each : merge(parts)->egress.classes) names.push_back(each.name);
  return names;
}

TEST(Overlap, ANarrowFilterWithinAWideOneGoesFirst) {
  const Part slow = part("slow-db", "latency", {{"delay", "50ms"}, {"peers", "10.0.0.3"}});
  const Part flaky = part("flaky", "loss", {{"percent", "1"}});
  EXPECT_THAT(classes({slow, flaky}), ElementsAre("slow-db/latency + flaky/loss", "flaky/loss"));
  EXPECT_THAT(explain({slow, flaky}, "eth0"),
              ElementsAre("eth0 egress to 10.0.0.3: delay 50ms from slow-db + loss 1% from flaky",
                          "eth0 egress: loss 1% from flaky"));
}

TEST(Overlap, FiltersWithoutCommonPacketsMakeAClassEach) {
  const std::vector<std::pair<failure::Params, failure::Params>> apart = {
      {{{"peers", "10.0.0.3"}}, {{"peers", "10.0.0.4"}}},   {{{"peers", "10.0.0.0/24"}}, {{"peers", "fd00::/8"}}},
      {{{"protocol", "tcp"}}, {{"protocol", "udp"}}},       {{{"protocol", "icmp"}}, {{"ports", "80"}}},
      {{{"interfaces", "eth0"}}, {{"interfaces", "eth1"}}}, {{{"peers", "10.0.0.0/24"}}, {{"exclude", "10.0.0.0/8"}}}};
  for (auto [a, b] : apart) {
    a.emplace_back("percent", "1");
    b.emplace_back("percent", "2");
    EXPECT_THAT(classes({part("a", "loss", a), part("b", "loss", b)}), ElementsAre("a/loss", "b/loss")) << b[0].second;
  }
}

TEST(Overlap, PartlyCommonPacketsMakeThree) {
  const Part a = part("a", "loss", {{"percent", "1"}, {"peers", "10.0.0.0/24"}});
  const Part b = part("b", "loss", {{"percent", "1"}, {"ports", "5432"}});
  EXPECT_THAT(classes({a, b}), ElementsAre("a/loss + b/loss", "a/loss", "b/loss"));
}

TEST(Overlap, TheSameFilterMakesOne) {
  const Part a = part("a", "loss", {{"percent", "1"}, {"peers", "10.0.0.3"}, {"peers", "10.0.0.4"}});
  const Part b = part("b", "duplicate", {{"percent", "1"}, {"peers", "10.0.0.4"}, {"peers", "10.0.0.3/32"}});
  EXPECT_THAT(classes({a, b}), ElementsAre("a/loss + b/duplicate"));
}

TEST(Overlap, IsBounded) {
  std::vector<Part> parts;
  for (int i = 0; i < 6; ++i) {
    parts.push_back(part(concat("p", i), "loss", {{"percent", "1"}, {"ports", concat(40'000 + i)}}));
  }
  EXPECT_THAT(merge(parts).error().message, testing::HasSubstr("6 filters of faults at once overlap in 21 ways"));
  for (int i = 6; i < 70; ++i) {
    parts.push_back(part(concat("p", i), "loss", {{"percent", "1"}, {"ports", concat(40'000 + i)}}));
  }
  EXPECT_THAT(merge(parts).error().message, testing::HasSubstr("too many ways"));
}

// A packet has two ports: three lists of ports without a common one have no common packet.
TEST(Overlap, PortsOfServicesNeedFewClasses) {
  std::vector<Part> parts;
  for (int i = 0; i < 5; ++i) {
    parts.push_back(part(concat("p", i), "loss", {{"percent", "1"}, {"ports", concat(80 + i)}}));
  }
  EXPECT_EQ(classes(parts).size(), 15U) << "five, and ten between two of them";
  for (int i = 5; i < 14; ++i) {
    parts.push_back(part(concat("p", i), "loss", {{"percent", "1"}, {"ports", concat(80 + i)}}));
  }
  EXPECT_EQ(classes(parts).size(), 14U);
  const Part everything = part("all", "latency", {{"delay", "1ms"}, {"ports", "80-93"}});
  parts.resize(7);
  parts.push_back(everything);
  EXPECT_EQ(classes(parts).size(), 8U) << "each within the wide one, and that";
}

TEST(Attribution, EachFaultHasItsShare) {
  const Part slow = part("slow", "latency", {{"delay", "1ms"}, {"peers", "10.0.0.3"}});
  const Part flaky = part("flaky", "loss", {{"percent", "1"}});
  const Part cut = part("cut", "partition", {{"protocol", "udp"}});
  const kernel::Tally tally = {
      {"slow/latency + flaky/loss", {10, 2, 8}}, {"flaky/loss", {5, 1}}, {"other/loss", {9, 9}}};
  const std::vector<kernel::TcpConnection> connections = {{1, {}, 0, 0, 0, *parse_prefix("10.0.0.3"), 40000, 80},
                                                          {2, {}, 0, 0, 0, *parse_prefix("10.0.0.4"), 40001, 80}};
  const auto of_slow = share_of(slow, tally, connections);
  EXPECT_EQ(of_slow.counters, (kernel::Counters{10, 0, 8}));
  EXPECT_THAT(of_slow.connections, ElementsAre(connections[0]));
  const auto of_flaky = share_of(flaky, tally, connections);
  EXPECT_EQ(of_flaky.counters, (kernel::Counters{15, 3, 0}));
  EXPECT_EQ(of_flaky.connections, connections);
  EXPECT_EQ(share_of(cut, tally, connections).counters, kernel::Counters{});
  EXPECT_THAT(share_of(cut, tally, connections).connections, IsEmpty()) << "UDP is no TCP";
  EXPECT_EQ(share_of(slow, {{"slow/latency", {10, 2, 8}}}, {}).counters.dropped, 2U) << "for want of room";
}

TEST(Overlap, NamesStandForWhatTheyAreResolvedTo) {
  Part cut = part("cut", "partition", {{"peers", "db"}, {"exclude", "10.0.0.9"}});
  EXPECT_TRUE(merge({cut})->empty()) << "nobody is called so";
  cut.resolved["db"] = {*parse_prefix("10.0.0.3"), *parse_prefix("fd00::3"), *parse_prefix("10.0.0.9")};
  EXPECT_EQ(describe(*merge({cut})), "egress to 10.0.0.3, fd00::3 drop; ingress from 10.0.0.3, fd00::3 drop");
}

TEST(Decide, OneFaultPerFailureOfEveryHitPolicy) {
  auto both = every_ten_seconds("both", {make_failure("partition", {}), make_failure("loss", {{"percent", "1"}})});
  auto never_hit = slow_entry("never");
  never_hit.schedule.probability = 0;
  auto later = slow_entry("later");
  later.schedule.delay = 2s;
  const program::Program program{1, {both, never_hit, later}};

  const auto decision = decide(program, epoch + 1s, {});
  ASSERT_EQ(decision.faults.size(), 2U);
  EXPECT_EQ(decision.faults[0].policy, "both");
  EXPECT_EQ(decision.faults[0].window, (policy::Window{0, epoch, epoch + 4s}));
  EXPECT_EQ(failure::name_of(decision.faults[1].failure), "loss");
  EXPECT_EQ(decision.next, epoch + 2s);
}

TEST(Decide, NothingWhilePausedOrWithoutLease) {
  const program::Program program{1, {slow_entry()}};
  for (const Flags flags : {Flags{.paused = true, .leased = true}, Flags{.paused = false, .leased = false}}) {
    const auto decision = decide(program, epoch, flags);
    EXPECT_THAT(decision.faults, IsEmpty());
    EXPECT_EQ(decision.next, policy::never);
  }
}

TEST(Decide, OnlyInWindowsThatTheTargetWasPickedFor) {
  auto entry = slow_entry();
  entry.picked = {1, 3};
  std::vector<std::uint64_t> windows;
  for (std::uint64_t k = 0; k < 5; ++k) {
    const auto decision = decide({1, {entry}}, epoch + 10s * static_cast<int>(k), {});
    if (!decision.faults.empty()) windows.push_back(k);
  }
  EXPECT_THAT(windows, testing::ElementsAre(1, 3));
}

TEST(Decide, TheSameTwiceIsOne) { EXPECT_EQ(decide({1, {slow_entry(), slow_entry()}}, epoch, {}).faults.size(), 1U); }

TEST(Decide, AgreesWithTheScheduleOnEveryWindow) {
  auto entry = slow_entry();
  entry.schedule.probability = 0.3;
  entry.schedule.seed = 7;
  const auto hits = policy::hits_between(entry.schedule, "slow", "db-1", epoch, epoch + 10'000s, 1000);
  std::vector<policy::Window> decided;
  for (Time now = epoch; now < epoch + 10'000s; now += 2s) {
    for (const auto& fault : decide({1, {entry}}, now, {}).faults) {
      if (decided.empty() || decided.back() != fault.window) decided.push_back(fault.window);
    }
  }
  EXPECT_EQ(decided, hits);
}

}  // namespace
}  // namespace entropy::injector
