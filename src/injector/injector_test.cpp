#include "injector/injector.hpp"

#include "injector/injector_fixture.hpp"

namespace entropy::injector {
namespace {

using program::FaultEnded;
using program::FaultFailed;
using program::FaultStarted;

TEST_F(InjectorTest, FirstRemovesWhatAPredecessorLeft) {
  fakes::FakeBackend kernel;
  kernel.held = merged({make_failure("partition", {})});
  std::vector<program::Report> reports;
  Injector injector({kernel, clock_, steady_, "1.2.3", ""}, [&](program::Report report) { reports.push_back(report); });
  injector.start();
  const program::State expected{0, "1.2.3", "fake", false, true, true, {}, ""};
  EXPECT_THAT(reports, ElementsAre(program::Report(expected)));
}

TEST_F(InjectorTest, WindowsStartAndEndAtTheirInstants) {
  follow({slow_entry()});
  EXPECT_EQ(injector_.wake_at().wall, epoch);
  go_to(epoch - 1us);
  EXPECT_THAT(backend_.applies, IsEmpty());
  forget();

  go_to(epoch);
  const auto started = all<FaultStarted>();
  ASSERT_EQ(started.size(), 1U);
  EXPECT_EQ(started[0].fault, (program::Fault{"slow", "db-1", "latency", 0, epoch, epoch + 4s, epoch}));
  EXPECT_EQ(started[0].kernel, "eth0: egress delay 200ms");
  EXPECT_THAT(last_state().active, ElementsAre(started[0].fault));
  EXPECT_FALSE(last_state().clean);
  EXPECT_EQ(injector_.wake_at().wall, epoch + 4s);

  backend_.matched = 12;
  go_to(epoch + 4s - 1us);
  EXPECT_THAT(story(), ElementsAre("started slow 0", "state"));
  go_to(epoch + 4s);
  const auto ended = all<FaultEnded>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0], (FaultEnded{started[0].fault, epoch + 4s, false, {.packets = 12, .asked = "delay 200ms"}, ""}));
  EXPECT_TRUE(backend_.held.empty());
  EXPECT_TRUE(last_state().clean);
  EXPECT_EQ(injector_.wake_at().wall, epoch + 10s);
}

TEST_F(InjectorTest, LateArrivalHoldsForTheRest) {
  go_to(epoch + 3s);
  follow({slow_entry()});
  const program::Fault fault{"slow", "db-1", "latency", 0, epoch, epoch + 4s, epoch + 3s};
  EXPECT_EQ(all<FaultStarted>().at(0).fault, fault);
  go_to(epoch + 4s);
  EXPECT_EQ(all<FaultEnded>().at(0), (FaultEnded{fault, epoch + 4s, false, {.asked = "delay 200ms"}, ""}));
}

TEST_F(InjectorTest, FollowsTheDice) {
  auto entry = slow_entry();
  entry.schedule.probability = 0.5;
  entry.schedule.seed = 3;
  follow({entry});
  std::vector<std::uint64_t> hit;
  for (const auto& window : policy::hits_between(entry.schedule, "slow", "db-1", epoch, epoch + 1000s, 1000)) {
    hit.push_back(window.index);
  }
  while (clock_.now() < epoch + 1000s) go_to(injector_.wake_at().wall);
  std::vector<std::uint64_t> seen;
  for (const auto& started : all<FaultStarted>()) seen.push_back(started.fault.window);
  if (!seen.empty() && seen.back() == 100) seen.pop_back();
  EXPECT_EQ(seen, hit);
}

TEST_F(InjectorTest, AdjacentWindowsDoNotTouchTheKernel) {
  auto entry = slow_entry();
  entry.schedule.duration = 10s;
  follow({entry});
  go_to(epoch);
  backend_.matched = 5;
  forget();
  go_to(epoch + 10s);
  EXPECT_THAT(story(), ElementsAre("ended slow 0", "started slow 1", "state"));
  EXPECT_THAT(backend_.applies, IsEmpty());
  backend_.matched = 7;
  go_to(epoch + 20s);
  EXPECT_EQ(all<FaultEnded>().at(0).measured.packets, 5U);
  EXPECT_EQ(all<FaultEnded>().at(1).measured.packets, 2U);
  EXPECT_EQ(all<FaultEnded>().at(0).kernel, "eth0: egress delay 200ms");
}

TEST_F(InjectorTest, LeasesAreAnsweredWithWhatIsMeasured) {
  backend_.tcp = {{1, 1ms, 10, 10, 0}};
  follow({slow_entry()});
  go_to(epoch);
  backend_.matched = 3;
  backend_.tcp = {{1, 201ms, 20, 20, 2}};
  go_to(epoch + 2s);
  injector_.on_command(program::Lease{30s});
  const auto alive = all<program::Alive>();
  ASSERT_FALSE(alive.empty());
  ASSERT_EQ(alive.back().faults.size(), 1U);
  const program::Measured expected{.packets = 3,
                                   .connections = 1,
                                   .segments = 10,
                                   .retransmitted = 2,
                                   .rtt = 201ms,
                                   .rtt_before = 1ms,
                                   .asked = "delay 200ms"};
  EXPECT_EQ(alive.back().faults[0].measured, expected);
}

TEST_F(InjectorTest, FailuresThatOverlapAreMerged) {
  auto longer = lossy_entry();
  longer.schedule.duration = 8s;
  go_to(epoch);
  follow({slow_entry(), longer});
  const Part slow{"slow", slow_entry().failures[0]};
  const Part lossy{"lossy", longer.failures[0]};
  EXPECT_THAT(backend_.applies, ElementsAre(*merge({slow, lossy})));
  EXPECT_THAT(story(), ElementsAre("started slow 0", "started lossy 0", "state"));
  forget();
  go_to(epoch + 4s);
  EXPECT_THAT(backend_.applies, ElementsAre(*merge({lossy})));
  EXPECT_THAT(story(), ElementsAre("ended slow 0", "state"));
}

// A partition must not let anything pass while its peers come and go.
TEST_F(InjectorTest, PeersThatComeAndGoAreTheSameFault) {
  auto cut = every_ten_seconds("cut", {make_failure("partition", {{"peers", "service=db"}})});
  cut.resolved["service=db"] = {*parse_prefix("10.0.0.3")};
  go_to(epoch);
  follow({cut});
  EXPECT_EQ(last_state().effects, (std::vector<std::string>{"eth0 egress to 10.0.0.3: drop from cut",
                                                            "eth0 ingress from 10.0.0.3: drop from cut"}));
  forget();
  cut.resolved["service=db"].push_back(*parse_prefix("10.0.0.9"));
  follow({cut});
  EXPECT_THAT(story(), ElementsAre("state"));
  ASSERT_EQ(backend_.applies.size(), 1U);
  EXPECT_EQ(backend_.applies[0].egress.classes.at(0).match.peers.ipv4.size(), 2U);
  forget();
  cut.resolved.clear();
  follow({cut});
  EXPECT_THAT(story(), ElementsAre("state"));
  EXPECT_TRUE(backend_.held.empty()) << "nobody is meant now";
  EXPECT_EQ(last_state().active.size(), 1U);
}

TEST_F(InjectorTest, APolicyThatHitsTwoContainersOfTheNamespaceActsOnce) {
  auto other = slow_entry();
  other.target = "db-2";
  go_to(epoch);
  follow({slow_entry(), other});
  EXPECT_EQ(backend_.held.egress.classes.at(0).effect.delays.size(), 1U);
  EXPECT_EQ(all<FaultStarted>().size(), 2U);
}

TEST_F(InjectorTest, AProgramWithoutThePolicyCutsItsFaultShortAndNoOther) {
  go_to(epoch);
  follow({slow_entry(), lossy_entry()});
  forget();
  go_to(epoch + 1s);
  follow({lossy_entry()});
  EXPECT_THAT(story(), ElementsAre("cut short slow 0", "state"));
  EXPECT_EQ(last_state().revision, 2U);
  EXPECT_EQ(last_state().active.at(0).started, epoch);
}

TEST_F(InjectorTest, TheSameProgramAgainIsAnsweredAndDoesNothing) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  follow({slow_entry()});
  EXPECT_THAT(story(), ElementsAre("state"));
  EXPECT_EQ(last_state().revision, 2U);
  EXPECT_THAT(backend_.applies, IsEmpty());
}

TEST_F(InjectorTest, AWindowMadeLongerIsNotInterrupted) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  auto longer = slow_entry();
  longer.schedule.duration = 6s;
  follow({longer});
  EXPECT_THAT(story(), ElementsAre("state"));
  EXPECT_EQ(last_state().active.at(0).planned_end, epoch + 6s);
  go_to(epoch + 6s);
  EXPECT_FALSE(all<FaultEnded>().at(0).cut_short);
}

TEST_F(InjectorTest, OtherParametersAreAnotherFault) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  follow({every_ten_seconds("slow", {make_failure("latency", {{"delay", "1s"}})})});
  EXPECT_THAT(story(), ElementsAre("cut short slow 0", "started slow 0", "state"));
  EXPECT_EQ(backend_.applies.size(), 1U);
}

TEST_F(InjectorTest, ExpiredPoliciesEnd) {
  auto short_lived = slow_entry("ttl");
  short_lived.schedule.ttl = 2s;
  auto counted = lossy_entry("windows");
  counted.schedule.windows = 1;
  go_to(epoch);
  follow({short_lived, counted});
  go_to(epoch + 2s);
  EXPECT_EQ(last_state().active.size(), 1U);
  go_to(epoch + 4s);
  EXPECT_TRUE(last_state().clean);
  EXPECT_EQ(injector_.wake_at().wall, policy::never);
}

TEST_F(InjectorTest, WithoutFrequencyItHoldsUntilItIsTakenAway) {
  program::Entry entry = slow_entry();
  entry.schedule.frequency.reset();
  entry.schedule.duration.reset();
  follow({entry});
  for (int i = 0; i < 300; ++i) advance(10s);
  EXPECT_THAT(story(), ElementsAre("state", "started slow 0", "state"));
  EXPECT_EQ(all<FaultStarted>().at(0).fault.planned_end, policy::never);
  follow({});
  EXPECT_TRUE(all<FaultEnded>().at(0).cut_short);
}

TEST_F(InjectorTest, ARefusalIsReportedOnceAndTriedAgain) {
  backend_.refuses = [](const kernel::State& state) {
    return state.empty() ? std::nullopt : std::optional(Error{ErrorCode::permission, "the kernel says no", {}});
  };
  go_to(epoch);
  follow({slow_entry()});
  EXPECT_THAT(story(), ElementsAre("failed slow 0", "state"));
  EXPECT_EQ(all<FaultFailed>()[0].message, "the kernel says no");
  EXPECT_EQ(last_state().failed, all<FaultFailed>());
  EXPECT_EQ(last_state().message, "");
  EXPECT_TRUE(last_state().clean);
  forget();
  for (int i = 0; i < 9; ++i) advance(100ms);
  EXPECT_THAT(backend_.applies, IsEmpty());
  EXPECT_EQ(injector_.wake_at().steady, steady_.elapsed() + 100ms);
  advance(100ms);
  EXPECT_FALSE(backend_.applies.empty());
  EXPECT_THAT(story(), IsEmpty());

  backend_.refuses = nullptr;
  go_to(epoch + 3s);
  EXPECT_THAT(story(), ElementsAre("started slow 0", "state"));
  EXPECT_THAT(last_state().failed, IsEmpty());
}

TEST_F(InjectorTest, AFaultThatSomebodyUndidIsMadeAgain) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  const auto wanted = std::exchange(backend_.held, {});
  advance(1s);
  EXPECT_EQ(backend_.held, wanted);
  EXPECT_THAT(story(), ElementsAre("log", "state"));
}

// Every packet that a backend holds wakes the injector twice.
TEST_F(InjectorTest, WakingForNothingIsCheapHoweverManyPeersThereAre) {
  auto entry = every_ten_seconds("slow", {make_failure("latency", {{"delay", "1ms"}, {"peers", "web"}})});
  entry.resolved["web"].resize(20'000, *parse_prefix("10.0.0.3"));
  follow({entry});
  go_to(epoch);
  ASSERT_EQ(last_state().active.size(), 1u);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20'000; ++i) injector_.on_time();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

// As doubles, shares are rarely just one of the kernel's steps.
TEST_F(InjectorTest, SharesThatTheKernelRoundsAreNotTakenForUndone) {
  const auto losing = [](const char* percent) { return make_failure("loss", {{"percent", percent}}); };
  follow({every_ten_seconds("a", {losing("10")}), every_ten_seconds("b", {losing("20"), losing("1.1")})});
  go_to(epoch);
  ASSERT_EQ(last_state().active.size(), 3u);
  forget();
  advance(1s);
  EXPECT_THAT(story(), IsEmpty());
  EXPECT_THAT(backend_.applies, IsEmpty());
}

TEST_F(InjectorTest, AFaultThatCantBeMadeAgainHasEndedUntilInterfacesCome) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  backend_.held = {};
  backend_.links = {};
  backend_.refuses = [](const kernel::State& wanted) -> std::optional<Error> {
    if (wanted.empty()) return std::nullopt;
    return Error{ErrorCode::unavailable, "no interface", {}};
  };
  advance(1s);
  EXPECT_THAT(story(), ElementsAre("log", "cut short slow 0", "failed slow 0", "state"));
  EXPECT_THAT(last_state().active, IsEmpty());
  EXPECT_EQ(last_state().failed.at(0).message, "no interface");
  forget();
  backend_.links = {"eth0"};
  backend_.refuses = nullptr;
  advance(1ms);
  EXPECT_THAT(story(), ElementsAre("started slow 0", "state"));
}

TEST_F(InjectorTest, EveryWindowMayFailAnew) {
  backend_.refuses = [](const kernel::State& state) {
    return state.empty() ? std::nullopt : std::optional(Error{ErrorCode::permission, "no", {}});
  };
  follow({slow_entry()});
  go_to(epoch);
  forget();
  go_to(epoch + 4s);
  EXPECT_THAT(story(), ElementsAre("state"));
  EXPECT_THAT(last_state().failed, IsEmpty());
  go_to(epoch + 10s);
  EXPECT_EQ(all<FaultFailed>().at(0).fault.window, 1U);
}

TEST_F(InjectorTest, ABadFaultDoesNotTakeTheGoodOnesWithIt) {
  backend_.refuses = [](const kernel::State& state) {
    return state.egress.any([](const kernel::Effect& effect) { return effect.loss > 0; })
               ? std::optional(Error{ErrorCode::unsupported, "no loss here", {}})
               : std::nullopt;
  };
  auto cut = every_ten_seconds("cut", {make_failure("partition", {})});
  go_to(epoch);
  follow({slow_entry(), lossy_entry(), cut});
  EXPECT_THAT(story(), ElementsAre("started slow 0", "failed lossy 0", "started cut 0", "state"));
  EXPECT_EQ(backend_.held, *merge({{"slow", slow_entry().failures[0]}, {"cut", cut.failures[0]}}));
  ASSERT_EQ(last_state().failed.size(), 1U) << "only the one that does not hold";
  EXPECT_EQ(last_state().failed[0].fault.policy, "lossy");
  EXPECT_EQ(last_state().failed[0].message, "no loss here");
  EXPECT_EQ(last_state().active.size(), 2U);
}

TEST_F(InjectorTest, WhatHoldsDoesNotDependOnWhichBeganFirst) {
  backend_.refuses = [](const kernel::State& state) {
    return state.egress.any([](const kernel::Effect& effect) { return effect.loss > 0; })
               ? std::optional(Error{ErrorCode::unsupported, "no loss here", {}})
               : std::nullopt;
  };
  auto later = slow_entry("a");
  later.schedule.delay = 1s;
  auto bad = lossy_entry();
  bad.schedule.delay = 1s;
  go_to(epoch);
  follow({later, slow_entry("b"), bad});
  go_to(epoch + 1s);
  EXPECT_EQ(last_state().active.size(), 2U);
  EXPECT_EQ(backend_.held, *merge({{"a", later.failures[0]}, {"b", later.failures[0]}}));
}

TEST_F(InjectorTest, AFaultWaitsForItsInterfacesAndEndsWithThem) {
  auto entry = every_ten_seconds("slow", {make_failure("latency", {{"delay", "200ms"}, {"interfaces", "eth7"}})});
  entry.schedule.duration = 10s;
  go_to(epoch);
  follow({entry, lossy_entry()});
  EXPECT_THAT(story(), ElementsAre("started lossy 0", "failed slow 0", "state"));
  EXPECT_THAT(last_state().failed.at(0).message, testing::HasSubstr("it is for eth7, and the target has eth0"));
  forget();
  backend_.links = {"eth0", "eth7"};
  advance(1ms);
  EXPECT_THAT(story(), ElementsAre("started slow 0", "state"));
  forget();
  backend_.links = {"eth0"};
  advance(1ms);
  EXPECT_THAT(story(), ElementsAre("cut short slow 0", "failed slow 0", "state"));
}

TEST_F(InjectorTest, NamesFailBesidePackets) {
  const auto dns = make_failure("dns", {{"names", "db"}, {"answer", "nxdomain"}, {"delay", "20ms"}});
  go_to(epoch);
  follow({every_ten_seconds("names", {dns}), slow_entry()});
  ASSERT_EQ(backend_.held.names.size(), 1U);
  EXPECT_EQ(backend_.held.names[0],
            (kernel::NameFault{"names/dns", {"db"}, 20ms, kernel::Hearsay(kernel::Denial::nxdomain)}));
  EXPECT_EQ(backend_.held.egress.classes.size(), 1U);
  EXPECT_THAT(last_state().effects,
              ElementsAre("eth0 egress: delay 200ms from slow", "look-ups: nxdomain for db after 20ms from names"));
}

TEST_F(InjectorTest, AFaultThatIsLostOnTheWayIsSaidToHaveEnded) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  backend_.refuses = [](const kernel::State& state) {
    return state.empty() ? std::nullopt : std::optional(Error{ErrorCode::internal, "out of memory", {}});
  };
  follow({slow_entry(), lossy_entry()});
  EXPECT_THAT(story(), ElementsAre("failed lossy 0", "cut short slow 0", "failed slow 0", "state"));
  EXPECT_TRUE(last_state().clean);
}

TEST_F(InjectorTest, WhatCantBeUndoneIsNotSaidToHaveEnded) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  backend_.stuck = backend_.held;
  backend_.refuses = [](const kernel::State&) { return std::optional(Error{ErrorCode::internal, "busy", {}}); };
  go_to(epoch + 4s);
  EXPECT_THAT(story(), ElementsAre("state"));
  EXPECT_FALSE(last_state().clean);
  EXPECT_EQ(last_state().active.size(), 1U);
  EXPECT_EQ(last_state().message, "can't be undone: busy");
  backend_.refuses = nullptr;
  go_to(epoch + 5s);
  EXPECT_THAT(story(), ElementsAre("state", "ended slow 0", "state"));
  EXPECT_TRUE(last_state().clean);
  EXPECT_EQ(last_state().message, "");
}

TEST_F(InjectorTest, CleanIsWhatIsReadBack) {
  backend_.read_back_lie = merged({make_failure("loss", {{"percent", "5"}})});
  follow({});
  EXPECT_FALSE(last_state().clean);
  EXPECT_EQ(last_state().message, "the kernel still holds: egress loss 5%");
  backend_.read_back_lie = fail(ErrorCode::permission, "not allowed");
  follow({});
  EXPECT_FALSE(last_state().clean);
  EXPECT_EQ(last_state().message, "can't be read back: not allowed");
}

TEST_F(InjectorTest, AClockThatJumpsBackEndsTheFault) {
  go_to(epoch + 11s);
  follow({slow_entry()});
  forget();
  clock_.set(epoch - 100s);
  injector_.on_time();
  EXPECT_THAT(story(), ElementsAre("cut short slow 1", "state"));
  EXPECT_EQ(injector_.wake_at().wall, epoch);
}

TEST_F(InjectorTest, AClockThatJumpsAheadEndsTheFaultAndKeepsTheLease) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  clock_.set(epoch + 10'000h + 5s);
  injector_.on_time();
  EXPECT_THAT(story(), ElementsAre("ended slow 0", "state"));
  EXPECT_TRUE(last_state().leased);
}

}  // namespace
}  // namespace entropy::injector
