#include "control/limits.hpp"

#include <gmock/gmock.h>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/namespaces.hpp"
#include "failure/catalogue.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Time start = Time(1'000'000s);
const std::string here = "unix:///engine.sock";

ObservedContainer replica(const std::string& service, int number) {
  ObservedContainer observed;
  observed.endpoint = here;
  observed.container.id = concat(service, number);
  observed.container.name = concat(service, "-", number);
  observed.container.state = "running";
  observed.container.network_mode = "default";
  observed.container.labels = {{"com.docker.compose.service", service}, {"com.docker.compose.project", "shop"}};
  observed.started_at = "first";
  return observed;
}

policy::Record policy_for(std::string name, std::string_view selector, std::uint64_t seed = 1) {
  policy::Record record;
  record.policy.name = std::move(name);
  record.policy.selector = *policy::Selector::parse(selector);
  record.policy.failures = {*failure::parse("latency", {{"delay", "100ms"}})};
  record.policy.schedule.epoch = start;
  record.policy.schedule.frequency = 10s;
  record.policy.schedule.seed = seed;
  return record;
}

// A service as its loop sees it: every plan knows the picks of the one before.
class LimitsTest : public testing::Test {
 protected:
  LimitsTest() {
    for (int i = 1; i <= 5; ++i) observed.containers.push_back(replica("web", i));
    for (int i = 1; i <= 5; ++i) observed.containers.push_back(replica("db", i));
    desired.policies = {policy_for("slow", "@service=web")};
  }
  Plan pass(Duration since) {
    Plan made = plan(desired, observed, start + since);
    observed.picks = made.picks;
    return made;
  }
  // Who was told to take part in the window that holds: "slow web-1".
  std::set<std::string> inside(const Plan& plan, Duration since) const {
    std::set<std::string> names;
    for (const auto& action : plan.actions) {
      const auto* create = std::get_if<CreateInjector>(&action);
      if (create == nullptr) continue;
      for (const auto& entry : create->entries) {
        const auto window = policy::window_at(entry.schedule, start + since);
        const bool told =
            window && entry.picked && std::ranges::find(*entry.picked, window->index) != entry.picked->end();
        if (told && policy::is_hit(entry.schedule, entry.policy, entry.target, window->index))
          names.insert(concat(entry.policy, " ", entry.target));
      }
    }
    return names;
  }
  std::set<std::string> inside_at(Duration since) { return inside(pass(since), since); }
  std::size_t held_back(const Plan& plan, const std::string& policy) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        plan.matches.at(policy).targets, [](const TargetState& target) { return !target.held_back.empty(); }));
  }

  Desired desired;
  Observed observed;
};

TEST_F(LimitsTest, NoLimitKeepsNobodyBack) {
  const Plan made = pass(1s);
  EXPECT_EQ(held_back(made, "slow"), 0U);
  EXPECT_THAT(made.picks, IsEmpty());
}

TEST_F(LimitsTest, AtMostSoManyFaultsAtOnce) {
  desired.rules.limits.max_active = 2;
  const Plan made = pass(1s);
  EXPECT_EQ(inside(made, 1s).size(), 2U);
  EXPECT_EQ(held_back(made, "slow"), 3U);
  const auto status = status_of(desired.policies[0], made.matches.at("slow"), desired, observed, start + 1s);
  EXPECT_EQ(status.phase, Phase::armed);
  EXPECT_THAT(status.message, HasSubstr("3 of 5 containers held back"));
  EXPECT_THAT(status.message, HasSubstr("--max-active 2"));
}

TEST_F(LimitsTest, AFailureCountsForItself) {
  desired.rules.limits.max_active = 3;
  desired.policies[0].policy.failures.push_back(*failure::parse("loss", {{"percent", "1"}}));
  EXPECT_EQ(inside_at(1s).size(), 1U) << "of two failures each";
  desired.rules.limits.max_active = 1;
  observed.picks.clear();
  const Plan made = pass(1s);
  EXPECT_THAT(inside(made, 1s), IsEmpty());
  EXPECT_THAT(made.matches.at("slow").targets[0].held_back, HasSubstr("2 faults at once"));
}

TEST_F(LimitsTest, AtMostAShareOfAServicesReplicas) {
  desired.rules.limits.max_share = 0.5;
  desired.policies = {policy_for("all", "@name=*")};
  const auto names = inside_at(1s);
  EXPECT_EQ(names.size(), 4U);
  EXPECT_EQ(std::ranges::count_if(names, [](auto& name) { return name.contains("web"); }), 2);
  observed.containers.push_back(replica("lonely", 1));
  observed.containers.push_back(replica("", 1));  // of no service
  observed.containers.edit_last().container.labels.clear();
  observed.picks.clear();
  const Plan made = pass(1s);
  EXPECT_TRUE(inside(made, 1s).contains("all -1"));
  EXPECT_FALSE(inside(made, 1s).contains("all lonely-1")) << "half of one replica is none";
  for (const auto& target : made.matches.at("all").targets) {
    if (target.name == "lonely-1") EXPECT_THAT(target.held_back, HasSubstr("of the 1 replicas of lonely at most 0"));
  }
}

TEST_F(LimitsTest, AReplicaThatSuffersAlreadyMaySufferMore) {
  desired.rules.limits.max_share = 0.2;
  desired.policies = {policy_for("a", "@name=web-1"), policy_for("b", "@name=web-1")};
  EXPECT_EQ(inside_at(1s).size(), 2U);
}

TEST_F(LimitsTest, WhoIsInStaysInUntilItsWindowEnds) {
  desired.rules.limits.max_active = 2;
  const auto first = inside_at(1s);
  observed.containers.push_back(replica("web", 6));
  observed.containers.push_back(replica("web", 7));
  for (const auto since : {2s, 5s, 9s}) EXPECT_EQ(inside_at(since), first);
  EXPECT_EQ(inside_at(11s).size(), 2U);
}

TEST_F(LimitsTest, RoomThatGetsFreeGoesToWhoWaits) {
  desired.rules.limits.max_active = 2;
  desired.policies = {policy_for("slow", "@service=web"), policy_for("other", "@service=db", 2)};
  desired.policies[1].policy.schedule.epoch = start + 1s;
  EXPECT_EQ(inside_at(500ms).size(), 2U);
  const Plan waiting = pass(2s);
  EXPECT_EQ(held_back(waiting, "other"), 5U);
  EXPECT_LE(waiting.next_let_in, start + 20s);
  // When its window is over, both policies' targets draw lots: over time neither has all.
  std::map<std::string, int> served;
  for (int second = 10; second < 400; ++second) {
    for (const auto& name : inside_at(std::chrono::seconds(second))) ++served[name.substr(0, name.find(' '))];
  }
  EXPECT_GT(served["slow"], 100);
  EXPECT_GT(served["other"], 100);
}

TEST_F(LimitsTest, NoNameComesFirst) {
  desired.rules.limits.max_active = 1;
  desired.policies = {policy_for("a", "@service=web"), policy_for("b", "@service=web", 2)};
  std::map<std::string, int> served;
  for (int window = 0; window < 200; ++window) {
    const auto names = inside_at(window * 10s + 1s);
    ASSERT_EQ(names.size(), 1U);
    ++served[*names.begin()];
  }
  ASSERT_EQ(served.size(), 10U);
  for (const auto& [name, times] : served) EXPECT_GT(times, 5) << name;
}

TEST_F(LimitsTest, TheSameSeedsReplayTheSame) {
  desired.rules.limits.max_active = 2;
  desired.policies[0].policy.schedule.probability = 0.7;
  const auto story = [&](int every) {
    observed.picks.clear();
    std::vector<std::set<std::string>> told;
    for (int second = 1; second < 100; second += every) {
      const auto names = inside_at(std::chrono::seconds(second));
      if (second % 10 == 5) told.push_back(names);
    }
    return told;
  };
  const auto often = story(1);
  EXPECT_EQ(often.size(), 10U);
  EXPECT_EQ(story(4), story(4));
  EXPECT_EQ(story(1), often);
  EXPECT_EQ(story(2).size(), 10U);
  EXPECT_EQ(story(2), often) << "when somebody looks does not matter";
}

TEST_F(LimitsTest, WhatIsNotReadBackAsOverTakesRoom) {
  desired.rules.limits.max_active = 1;
  ObservedInjector injector;
  injector.endpoint = here;
  injector.id = "i1";
  injector.target_id = "db1";
  injector.running = injector.attached = true;
  injector.target_started = "first";
  injector.state = program::State{5, "", "userspace", false, true, false, {}, ""};
  injector.state->active = {{"removed", "db-1", "latency", 0, start, policy::never, start}};
  observed.injectors = {injector};
  EXPECT_THAT(inside_at(1s), IsEmpty());
  observed.injectors[0].state->active.clear();
  EXPECT_EQ(inside_at(1s).size(), 1U);
}

TEST_F(LimitsTest, AFormerServicesFaultsComeFirst) {
  desired.rules.limits.max_active = 1;
  const auto first = inside_at(1s);
  for (int i = 1; i <= 5; ++i) {
    store::FaultRecord open;
    open.policy = "slow";
    open.target = concat("web-", i);
    open.planned_start = start;
    observed.picks = recalled_picks(desired.policies, {open});
    EXPECT_EQ(inside_at(2s), std::set{concat("slow web-", i)});
  }
}

TEST_F(LimitsTest, MembersOfOneNamespaceAreAllDisturbed) {
  desired.rules.limits.max_share = 0.2;
  auto guest = replica("web", 9);
  guest.container.network_mode = "container:db1";
  observed.containers.push_back(guest);  // one of six
  desired.policies = {policy_for("db", "@name=db-1"), policy_for("web", "@name=web-2")};
  EXPECT_EQ(inside_at(1s).size(), 1U) << "two of six replicas of web are more than a fifth";
}

TEST_F(LimitsTest, WhatIsDoneToContainersCountsForEachMemberOfANamespace) {
  desired.rules.limits.max_active = 2;
  for (int i = 6; i <= 8; ++i) {
    observed.containers.push_back(replica("web", i));
    observed.containers.edit_last().container.network_mode = "container:web1";
  }
  desired.policies[0].policy.failures.clear();
  desired.policies[0].policy.container_failures = {failure::Pause{}};
  const Plan made = pass(1s);
  EXPECT_EQ(made.acts.steps.size(), 2U);
  EXPECT_EQ(held_back(made, "slow"), 6U);
}

}  // namespace
}  // namespace entropy::control
