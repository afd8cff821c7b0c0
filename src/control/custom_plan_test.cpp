#include "control/custom_plan.hpp"

#include <gmock/gmock.h>

#include "control/namespaces.hpp"
#include "control/plan.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Time now = Time(1'000'000s);
const std::string here = "unix:///engine.sock";

ObservedContainer container(std::string id, std::string network_mode = "default") {
  ObservedContainer observed;
  observed.endpoint = here;
  observed.container.id = id;
  observed.container.name = id + "-name";
  observed.container.state = "running";
  observed.container.network_mode = std::move(network_mode);
  observed.container.labels = {{"service", "db"}};
  observed.started_at = "first";
  return observed;
}

class CustomPlanTest : public testing::Test {
 protected:
  CustomPlanTest() {
    policy::Policy& policy = desired.policies[0].policy;
    policy.name = "skew";
    policy.selector = *policy::Selector::parse("service=db");
    policy.custom = policy::CustomFailure{"custom:1", "clock-skew", "{}"};
    policy.schedule.epoch = now - 1s;
    policy.schedule.frequency = 10s;
  }

  // "create db 0", "stop c: its window is over", ...
  std::vector<std::string> actions(Time at = now) {
    std::vector<std::string> lines;
    for (const auto& action : plan(desired, observed, at).custom) {
      if (const auto* a = std::get_if<CreateCustom>(&action)) {
        lines.push_back("create " + a->run.target_id + " " + std::to_string(a->run.fault.window));
      }
      if (const auto* a = std::get_if<FollowCustom>(&action)) lines.push_back("follow " + a->id);
      if (const auto* a = std::get_if<StopCustom>(&action)) lines.push_back("stop " + a->id + ": " + a->reason);
      if (const auto* a = std::get_if<RemoveCustom>(&action)) lines.push_back("remove " + a->id);
    }
    return lines;
  }
  CustomRun due(Time at = now) {
    CustomRuns runs;
    add_custom_run(runs, observed, {}, desired.policies[0].policy, observed.containers[0], at);
    return runs.begin()->second;
  }
  // One that runs and has said that it has started.
  void let_it_run() {
    const CustomRun run = due();
    ObservedCustom custom;
    custom.endpoint = here;
    custom.id = "c";
    custom.policy = "skew";
    custom.target_id = "db";
    custom.target_started = "first";
    custom.key = run.key;
    custom.running = custom.followed = custom.said = true;
    custom.active = run.fault;
    observed.customs = {custom};
  }
  void let_it_fail(Time retry_at) {
    let_it_run();
    ObservedCustom& custom = observed.customs[0];
    custom.running = false;
    custom.ended = custom.failed = true;
    custom.active.reset();
    observed.custom_troubles[{"skew", "db"}] = {content_of(*desired.policies[0].policy.custom), "exit code 3",
                                                retry_at};
  }
  Phase phase() {
    const Plan made = plan(desired, observed, now);
    return status_of(desired.policies[0], made.matches.at("skew"), desired, observed, now).phase;
  }

  Desired desired{{policy::Record{}}, false, {}};
  Observed observed{{container("db")}, {}, {}, {}};
};

TEST_F(CustomPlanTest, OneContainerForEachHitWindow) {
  EXPECT_THAT(actions(), ElementsAre("create db 0"));
  EXPECT_EQ(due().length, 10s);
  EXPECT_EQ(due().until, now + 9s);
  let_it_run();
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_EQ(phase(), Phase::active);
  EXPECT_THAT(actions(now + 9s), ElementsAre("stop c: its window is over"));
  observed.customs[0].running = false;
  EXPECT_THAT(actions(now + 9s), IsEmpty());  // how it ended is not known yet
  observed.customs[0].ended = true;
  EXPECT_THAT(actions(now + 9s), ElementsAre("remove c"));
  observed.customs.clear();
  EXPECT_THAT(actions(now + 9s), ElementsAre("create db 1"));
  desired.policies[0].policy.schedule.probability = 0;
  EXPECT_THAT(actions(now + 9s), IsEmpty());
}

TEST_F(CustomPlanTest, TheRestOfAWindowMayBeTooShort) { EXPECT_THAT(actions(now + 8500ms), IsEmpty()); }

TEST_F(CustomPlanTest, AWindowWithoutAnEndIsServedByTheHour) {
  policy::Schedule& schedule = desired.policies[0].policy.schedule;
  schedule.frequency.reset();
  EXPECT_EQ(due().until, schedule.epoch + 1h);
  EXPECT_EQ(due().length, 1h);
  EXPECT_EQ(due().fault.planned_end, policy::never);
  EXPECT_EQ(next_custom_change(schedule, now), schedule.epoch + 1h);
  EXPECT_EQ(custom_window(schedule, now + 1h)->until, schedule.epoch + 2h);
}

TEST_F(CustomPlanTest, StopHaltAndRestartsEndIt) {
  let_it_run();
  desired.policies[0].policy.running = false;
  EXPECT_THAT(actions(), ElementsAre("stop c: its window is over"));
  desired.policies[0].policy.running = true;
  desired.halted = true;
  EXPECT_THAT(actions(), ElementsAre("stop c: its window is over"));
  desired.halted = false;
  observed.containers.edit(0).started_at = "second";
  EXPECT_THAT(actions(), ElementsAre("stop c: its target was restarted"));
  observed.containers.clear();
  EXPECT_THAT(actions(), ElementsAre("stop c: its window is over"));
  observed.lost[here] = "away";
  EXPECT_THAT(actions(), IsEmpty());
}

TEST_F(CustomPlanTest, AChangedParameterMakesAnotherRun) {
  let_it_run();
  desired.policies[0].policy.description = "words";
  EXPECT_THAT(actions(), IsEmpty());
  desired.policies[0].policy.custom->parameters = R"({"by":"5s"})";
  EXPECT_THAT(actions(), ElementsAre("stop c: its window is over"));
}

TEST_F(CustomPlanTest, WhatADeadServiceLeftIsFollowedFirst) {
  let_it_run();
  observed.customs[0].followed = false;
  EXPECT_THAT(actions(), ElementsAre("follow c"));
  desired.policies.clear();
  EXPECT_THAT(actions(), ElementsAre("follow c"));
  observed.customs[0].followed = true;
  EXPECT_THAT(actions(), ElementsAre("stop c: its window is over"));
}

TEST_F(CustomPlanTest, OneThatEndedWellIsNotRunTwiceInAWindow) {
  let_it_run();
  observed.customs[0].running = false;
  observed.customs[0].ended = true;
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_THAT(actions(now + 9s), ElementsAre("remove c"));
}

TEST_F(CustomPlanTest, AFailureIsTriedAgainLater) {
  let_it_fail(now + 2s);
  EXPECT_EQ(phase(), Phase::degraded);
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_THAT(actions(now + 2s), ElementsAre("remove c"));
  observed.customs.clear();
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_THAT(actions(now + 2s), ElementsAre("create db 0"));
  // Other parameters don't wait.
  desired.policies[0].policy.custom->parameters = R"({"by":"5s"})";
  EXPECT_THAT(actions(), ElementsAre("create db 0"));
  EXPECT_EQ(phase(), Phase::armed);
}

TEST_F(CustomPlanTest, MembersOfANamespaceShareARun) {
  observed.containers.push_back(container("sidecar", "container:db"));
  EXPECT_THAT(actions(), ElementsAre("create db 0"));
}

TEST_F(CustomPlanTest, OnlyThosePickedTakePart) {
  observed.containers.push_back(container("db2"));
  EXPECT_EQ(actions().size(), 2U);
  desired.policies[0].policy.pick.count = 1;
  EXPECT_EQ(actions().size(), 1U);
}

TEST_F(CustomPlanTest, ProtectionAndAllowedFailuresHoldForThemToo) {
  observed.containers.edit(0).container.labels["entropy.allow"] = "latency";
  EXPECT_THAT(actions(), IsEmpty());
  observed.containers.edit(0).container.labels["entropy.allow"] = "latency, clock-skew";
  EXPECT_THAT(actions(), ElementsAre("create db 0"));
  observed.containers.edit(0).container.labels["entropy.protect"] = "true";
  EXPECT_THAT(actions(), IsEmpty());
}

TEST_F(CustomPlanTest, OfMembersOfANamespaceTheFirstOnesDiceCount) {
  observed.containers.push_back(container("sidecar", "container:db"));
  policy::Schedule& schedule = desired.policies[0].policy.schedule;
  schedule.probability = 0.5;
  const auto is_hit = [&](const char* name) { return policy::is_hit(schedule, "skew", name, 0); };
  while (is_hit("db-name") || !is_hit("sidecar-name")) ++schedule.seed;
  EXPECT_THAT(actions(), IsEmpty());
  while (!is_hit("db-name") || is_hit("sidecar-name")) ++schedule.seed;
  EXPECT_THAT(actions(), ElementsAre("create db 0"));
}

}  // namespace
}  // namespace entropy::control
