#include <gmock/gmock.h>

#include "base/text.hpp"
#include "control/former.hpp"
#include "control/namespaces.hpp"
#include "control/plan.hpp"
#include "policy/policy_json.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;
using store::ActState;
using testing::HasSubstr;

const Time epoch = Time(std::chrono::hours(24 * 365 * 50));

class ActPlanTest : public testing::Test {
 protected:
  void add(const std::string& name, docker::Labels labels = {}) {
    ObservedContainer container{"e", {}, "start 1"};
    container.container.id = concat("id-", name);
    container.container.name = name;
    container.container.state = "running";
    container.container.network_mode = "bridge";
    container.container.labels = std::move(labels);
    observed_.containers.push_back(std::move(container));
  }
  void add_replica(const std::string& name) {
    add(name, {{"com.docker.compose.service", "web"}, {"com.docker.compose.project", "shop"}});
  }
  void want(const std::string& name, const std::string& failure, const std::string& more = "") {
    const auto text = concat(R"({"name": ")", name, R"(", "selector": "@name=*", "failure": )", failure, more, "}");
    auto draft = *policy::draft_from_json(*policy::parse_json(text));
    draft.policy.schedule.epoch = epoch;
    desired_.policies.push_back({std::move(draft.policy), 1, epoch, epoch});
  }
  // As if the service had done what the plan says.
  void take(const ActPlan& plan, ActState state = ActState::held) {
    for (const auto& [place, steps] : plan.steps) {
      for (const auto& step : steps) {
        if (const auto* begin = std::get_if<BeginAct>(&step)) keep(begin->due, state);
        if (const auto* end = std::get_if<EndAct>(&step)) {
          std::erase_if(observed_.acts, [&](const ObservedAct& act) { return act.record.id == end->id; });
        }
      }
    }
  }
  void keep(const DueAct& due, ActState state) {
    store::ActRecord record;
    record.id = ++acts_;
    record.endpoint = due.endpoint;
    record.container = due.container;
    record.name = due.name;
    record.policy = due.fault.policy;
    record.target = due.fault.target;
    record.planned_start = due.fault.planned_start;
    record.state = state;
    observed_.acts.push_back({std::move(record), due.failure, state == ActState::held});
  }
  Plan whole(Duration after = 0s) { return control::plan(desired_, Index(observed_), epoch + after); }
  ActPlan plan(Duration after = 0s) { return whole(after).acts; }
  // "begin pause a", "end 3"
  std::vector<std::string> steps(Duration after = 0s) {
    std::vector<std::string> texts;
    for (const auto& [place, planned] : plan(after).steps) {
      for (const auto& step : planned) {
        if (const auto* begin = std::get_if<BeginAct>(&step))
          texts.push_back(concat("begin ", failure::name_of(begin->due.failure), " ", begin->due.name));
        if (const auto* resume = std::get_if<ResumeAct>(&step)) texts.push_back(concat("resume ", resume->id));
        if (const auto* end = std::get_if<EndAct>(&step)) texts.push_back(concat("end ", end->id));
      }
    }
    return texts;
  }
  using Texts = std::vector<std::string>;

  Desired desired_;
  Observed observed_;
  std::uint64_t acts_ = 0;
};

TEST_F(ActPlanTest, AnActThatLastsBeginsAndEndsWithItsWindow) {
  add("a");
  want("p", R"("pause")", R"(, "frequency": 10, "duration": 4)");
  EXPECT_EQ(steps(), Texts{"begin pause a"});
  take(plan());
  EXPECT_EQ(steps(3s), Texts{});
  EXPECT_EQ(steps(4s), Texts{"end 1"});
  take(plan(4s));
  EXPECT_EQ(steps(5s), Texts{});
  EXPECT_EQ(steps(10s), Texts{"begin pause a"});
}

TEST_F(ActPlanTest, AnInstantHappensOncePerWindowWhateverBecomesOfItsTarget) {
  add("a");
  want("k", R"("kill")", R"(, "frequency": 10)");
  EXPECT_EQ(steps(2s), Texts{"begin kill a"});
  take(plan(2s));
  EXPECT_EQ(steps(3s), Texts{});
  observed_.acts.front().record.state = ActState::over;
  observed_.containers.edit(0).container.id = "another";  // in its place
  EXPECT_EQ(steps(9s), Texts{});
  desired_.halted = true;
  EXPECT_EQ(steps(9s), Texts{});
  desired_.halted = false;
  EXPECT_THAT(steps(10s), testing::UnorderedElementsAre("begin kill a", "end 1"));
}

TEST_F(ActPlanTest, WhatWasIntendedIsTakenUpAgain) {
  add("a");
  want("p", R"("pause")");
  take(plan(), ActState::intended);
  EXPECT_EQ(steps(), Texts{"resume 1"});
  desired_.policies.clear();
  EXPECT_EQ(steps(), Texts{"end 1"});
}

TEST_F(ActPlanTest, AHaltEndsWhatLasts) {
  add("a");
  want("p", R"({"pause": null, "cpu": {"limit": 0.5}})");
  EXPECT_EQ(steps(), (Texts{"begin pause a", "begin cpu a"}));
  take(plan());
  desired_.halted = true;
  EXPECT_EQ(steps(), (Texts{"end 1", "end 2"}));
}

TEST_F(ActPlanTest, WhatSomebodyHasUndoneIsNotDoneAgainInTheSameWindow) {
  add("a");
  want("p", R"("pause")");
  take(plan(), ActState::over);
  EXPECT_EQ(steps(1s), Texts{});
}

TEST_F(ActPlanTest, WhatTheServiceHasUndoneIsDoneAgainIfItIsStillDue) {
  add("a");
  want("p", R"("pause")");
  take(plan(), ActState::over);
  observed_.acts.front().undone = true;  // by a halt that is over, and its row is kept in doubt
  EXPECT_THAT(steps(1s), testing::UnorderedElementsAre("begin pause a", "end 1"));
}

TEST_F(ActPlanTest, OneReplicaOfAServiceIsLeft) {
  for (const auto* name : {"web-1", "web-2", "web-3"}) add_replica(name);
  add("single");
  want("k", R"("kill")", R"(, "frequency": 10)");
  EXPECT_EQ(steps(), (Texts{"begin kill single", "begin kill web-1", "begin kill web-2"}));
  EXPECT_EQ(plan().capped.size(), 1U);
  take(plan());
  EXPECT_EQ(steps(1s), Texts{});
  // Once another is well again it is the last one's turn.
  for (auto& act : observed_.acts) act.record.state = act.record.target == "web-1" ? ActState::over : ActState::held;
  EXPECT_EQ(steps(2s), Texts{"begin kill web-3"});
}

TEST_F(ActPlanTest, OneThatIsDownAnywayCountsAsAReplica) {
  add_replica("web-1");
  want("s", R"("stop")");
  EXPECT_EQ(steps(), Texts{"begin stop web-1"});
  observed_.absent[service_key(observed_.containers[0])] = {"web-2"};
  EXPECT_EQ(steps(), Texts{});
  want("c", R"({"cpu": {"limit": 0.1}})");
  EXPECT_EQ(steps(), Texts{"begin cpu web-1"});
}

TEST_F(ActPlanTest, OneKindOfDownAtATime) {
  add("a");
  want("p", R"("pause")");
  take(plan());
  want("s", R"("stop")");
  EXPECT_EQ(steps(), Texts{});
  want("q", R"("pause")");
  EXPECT_EQ(steps(), Texts{"begin pause a"});
}

TEST_F(ActPlanTest, AStoppedTargetIsATargetYet) {
  add("a");
  want("s", R"("stop")", R"(, "frequency": 10)");
  take(plan());
  observed_.down = std::exchange(observed_.containers, {});
  EXPECT_EQ(steps(1s), Texts{});
  EXPECT_EQ(whole(1s).matches.at("s").down.size(), 1U);
  EXPECT_EQ(steps(10s), (Texts{"begin stop a", "end 1"})) << "the next window takes it over as it is";
}

TEST_F(ActPlanTest, RulesHoldForThemToo) {
  add("a", {{"entropy.protect", "true"}});
  add("b", {{"entropy.allow", "latency,pause"}});
  want("k", R"("kill")");
  want("p", R"("pause")");
  EXPECT_EQ(steps(), Texts{"begin pause b"});
  EXPECT_TRUE(whole().actions.empty()) << "nobody needs an injector";
}

TEST_F(ActPlanTest, ATroubleIsWaitedFor) {
  add("a");
  want("p", R"("pause")");
  observed_.act_troubles[{"p", "id-a"}] = {"no", epoch + 2s, 1s};
  EXPECT_EQ(steps(1s), Texts{});
  EXPECT_EQ(whole(1s).matches.at("p").targets.front().reason, "no");
  EXPECT_EQ(steps(2s), Texts{"begin pause a"});
}

TEST(Former, LimitsAreLoweredAndBroughtBack) {
  const failure::ContainerFailure cpu = failure::CpuLimit{{0.2}};
  const failure::ContainerFailure memory = failure::MemoryLimit{{64 << 20}};
  const failure::ContainerFailure pids = failure::PidsLimit{20};
  docker::Limits none;
  EXPECT_EQ(limited(none, {cpu}).cpu_quota, 20'000);
  EXPECT_EQ(restored(none, cpu).cpu_quota, -1);
  EXPECT_EQ(limited(none, {cpu}).cpu_period, 0) << "else the engine takes no --cpus afterwards";
  EXPECT_EQ(restored(none, cpu).cpu_period, 0);
  docker::Limits slow;
  slow.cpu_period = 200'000;
  EXPECT_EQ(limited(slow, {cpu}).cpu_period, 100'000);
  EXPECT_EQ(restored(slow, cpu).cpu_period, 200'000);
  EXPECT_EQ(limited(none, {memory}).memory_swap, -1);
  EXPECT_EQ(restored(none, memory).memory, 0x7ffffffffffff000);
  EXPECT_EQ(restored(none, pids).pids, -1);
  docker::Limits own;
  own.nano_cpus = 1'000'000'000;
  own.memory = 256 << 20;
  own.memory_swap = 512 << 20;
  own.pids = 100;
  EXPECT_EQ(limited(own, {cpu}).nano_cpus, 200'000'000);
  EXPECT_EQ(limited(own, {cpu}).cpu_quota, 0);
  EXPECT_EQ(restored(own, cpu).nano_cpus, own.nano_cpus);
  EXPECT_EQ(restored(own, memory).memory, own.memory);
  EXPECT_EQ(limited(own, {memory}).memory_swap, 0) << "as it is";
  EXPECT_EQ(restored(own, pids).pids, 100);
  EXPECT_EQ(limited(own, {pids, failure::PidsLimit{10}}).pids, 10);
  EXPECT_THAT(no_less(own, failure::PidsLimit{100}), HasSubstr("no more than 100"));
  EXPECT_EQ(no_less(own, pids), "");
}

TEST(Former, IsReadBack) {
  Former former{"2026-01-01T00:00:00Z", "swarm web", docker::RestartPolicy{"on-failure", 3}, 2, docker::Limits{}};
  former.limits.memory = 5;
  former.limits.pids = 7;
  const Former back = former_from(to_text(former));
  EXPECT_EQ(to_text(back), to_text(former));
  EXPECT_TRUE(starts_again(back, 137));
  EXPECT_FALSE(starts_again(back, 0));
  EXPECT_EQ(former_from("{damaged").started_at, "");
}

}  // namespace
}  // namespace entropy::control
