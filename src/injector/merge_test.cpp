#include "injector/merge.hpp"

#include <gmock/gmock.h>

#include "injector/decide.hpp"
#include "injector/injector_fixture.hpp"

namespace entropy::injector {
namespace {

using kernel::Cut;

TEST(Merge, NothingIsNothing) {
  EXPECT_TRUE(merge({}).empty());
  EXPECT_EQ(describe(merge({})), "nothing");
}

TEST(Merge, DelaysAndReordersAreListed) {
  const auto state =
      merge({make_failure("latency", {{"delay", "200ms"}, {"jitter", "10ms"}, {"distribution", "normal"}}),
             make_failure("reorder", {{"percent", "25"}, {"gap", "5"}, {"correlation", "50"}}),
             make_failure("latency", {{"delay", "1s"}})});
  EXPECT_THAT(state.egress.delays, ElementsAre(kernel::Delay{200ms, 10ms, 0, kernel::Distribution::normal},
                                               kernel::Delay{1s, 0ms, 0, kernel::Distribution::uniform}));
  EXPECT_THAT(state.egress.reorders, ElementsAre(kernel::Reorder{0.25, 10ms, 0.5, 5}));
  EXPECT_TRUE(state.ingress.empty());
}

TEST(Merge, LossesAreIndependent) {
  const auto tenth = make_failure("loss", {{"percent", "10"}});
  EXPECT_DOUBLE_EQ(merge({tenth}).egress.loss, 0.1);
  EXPECT_DOUBLE_EQ(merge({tenth, tenth}).egress.loss, 0.19);
  EXPECT_DOUBLE_EQ(merge({tenth, make_failure("loss", {{"percent", "100"}})}).egress.loss, 1);
}

TEST(Merge, DropWinsOverReject) {
  const auto drop = make_failure("partition", {});
  const auto reject = make_failure("partition", {{"mode", "reject"}});
  EXPECT_EQ(merge({reject}).egress.cut, Cut::reject);
  EXPECT_EQ(merge({reject, drop}).egress.cut, Cut::drop);
  EXPECT_EQ(merge({drop, reject}).ingress.cut, Cut::drop);
}

TEST(Merge, EveryDirectionHasItsOwn) {
  const auto state = merge({make_failure("latency", {{"delay", "1ms"}, {"direction", "ingress"}}),
                            make_failure("loss", {{"percent", "10"}, {"direction", "both"}}),
                            make_failure("partition", {{"direction", "egress"}})});
  EXPECT_EQ(state.egress.delays.size(), 0U);
  EXPECT_EQ(state.ingress.delays.size(), 1U);
  EXPECT_DOUBLE_EQ(state.egress.loss, 0.1);
  EXPECT_DOUBLE_EQ(state.ingress.loss, 0.1);
  EXPECT_EQ(state.egress.cut, Cut::drop);
  EXPECT_EQ(state.ingress.cut, Cut::none);
}

TEST(Merge, IsDescribedForPeople) {
  const auto state = merge({make_failure("latency", {{"delay", "200ms"}, {"jitter", "50ms"}}),
                            make_failure("loss", {{"percent", "10"}, {"direction", "both"}}),
                            make_failure("loss", {{"percent", "30"}}), make_failure("reorder", {{"percent", "5"}}),
                            make_failure("partition", {{"mode", "reject"}, {"direction", "ingress"}})});
  EXPECT_EQ(describe(state), "egress delay 200ms ± 50ms, reorder 5% over 10ms, loss 37%; ingress loss 10%, reject");
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
