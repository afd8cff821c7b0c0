#include "control/plan.hpp"

#include <gmock/gmock.h>

#include "base/version.hpp"
#include "control/labels.hpp"
#include "control/namespaces.hpp"
#include "failure/catalogue.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Time now = Time(1'000'000s);
const std::string here = "unix:///engine.sock";

policy::Record policy_for(std::string name, std::string_view selector) {
  policy::Record record;
  record.policy.name = std::move(name);
  record.policy.selector = *policy::Selector::parse(selector);
  record.policy.failures = {*failure::parse("latency", {{"delay", "100ms"}})};
  record.policy.schedule.epoch = now - 1s;
  return record;
}

ObservedContainer container(std::string id, docker::Labels labels) {
  ObservedContainer observed;
  observed.endpoint = here;
  observed.container.id = id;
  observed.container.name = id + "-name";
  observed.container.state = "running";
  observed.container.network_mode = "default";
  observed.container.labels = std::move(labels);
  observed.started_at = "first";
  return observed;
}

// An injector that serves `target` and has confirmed its program.
ObservedInjector injector(std::string id, const std::string& target, std::vector<program::Entry> sent) {
  ObservedInjector observed;
  observed.endpoint = here;
  observed.id = std::move(id);
  observed.name = "entropy-" + target;
  observed.target_id = target;
  observed.target_started = "first";
  observed.running = true;
  observed.attached = true;
  observed.sent_revision = 5;
  observed.sent = std::move(sent);
  observed.state = program::State{5, "", "userspace", false, true, true, {}, ""};
  return observed;
}

std::vector<program::Entry> entries_of(const policy::Record& record, const std::string& target) {
  return {{record.policy.name, target + "-name", record.policy.schedule, record.policy.failures}};
}

// "create db", "remove i1: no policy needs it", ...
std::vector<std::string> told(const Plan& plan) {
  std::vector<std::string> lines;
  for (const auto& action : plan.actions) {
    if (const auto* a = std::get_if<CreateInjector>(&action)) lines.push_back("create " + a->target_id);
    if (const auto* a = std::get_if<AttachInjector>(&action)) lines.push_back("attach " + a->id);
    if (const auto* a = std::get_if<SendProgram>(&action)) {
      lines.push_back("send " + a->id + " " + std::to_string(a->entries.size()));
    }
    if (const auto* a = std::get_if<RemoveInjector>(&action)) lines.push_back("remove " + a->id + ": " + a->reason);
  }
  return lines;
}

class PlanTest : public testing::Test {
 protected:
  std::vector<std::string> actions() { return told(plan(desired, observed, now)); }
  Match match(const std::string& policy) { return plan(desired, observed, now).matches.at(policy); }
  PolicyStatus status(std::size_t index = 0) {
    const auto& record = desired.policies.at(index);
    return status_of(record, match(record.policy.name), desired, observed, now);
  }

  Desired desired{{policy_for("slow", "service=db")}, false, {}};
  Observed observed{{container("db", {{"service", "db"}}), container("web", {{"service", "web"}})}, {}, {}, {}};
};

TEST_F(PlanTest, MakesAnInjectorForEachTarget) {
  EXPECT_THAT(actions(), ElementsAre("create db"));
  observed.containers.push_back(container("db2", {{"service", "db"}}));
  EXPECT_THAT(actions(), ElementsAre("create db", "create db2"));
}

TEST_F(PlanTest, DoesNothingWhenAllIsWell) {
  observed.injectors = {injector("i1", "db", entries_of(desired.policies[0], "db"))};
  EXPECT_THAT(actions(), IsEmpty());
}

TEST_F(PlanTest, AFailureForNobodyIsNotStartedAndSaysSo) {
  desired.policies[0].policy.failures = {*failure::parse("partition", {{"peers", "service=wbe"}})};
  const Plan alone = plan(desired, observed, now);
  EXPECT_THAT(std::get<CreateInjector>(alone.actions.at(0)).entries, IsEmpty());
  EXPECT_EQ(status().phase, Phase::degraded);
  EXPECT_THAT(status().message, HasSubstr("nobody to disturb"));
  EXPECT_THAT(status().message, HasSubstr("service=wbe"));
  observed.containers.push_back(container("late", {{"service", "wbe"}}));
  observed.containers.edit_last().container.networks = {{"bridge", "10.0.0.9", ""}};
  EXPECT_THAT(std::get<CreateInjector>(plan(desired, observed, now).actions.at(0)).entries, testing::SizeIs(1));
  EXPECT_EQ(status().phase, Phase::armed);
}

TEST_F(PlanTest, EachTargetIsToldTheWindowsItWasPickedFor) {
  observed.containers.push_back(container("db2", {{"service", "db"}}));
  desired.policies[0].policy.pick = {1, {}};
  desired.policies[0].policy.schedule.frequency = 10s;
  std::vector<std::uint64_t> windows;
  for (const auto& action : plan(desired, observed, now).actions) {
    const auto& entry = std::get<CreateInjector>(action).entries.at(0);
    ASSERT_TRUE(entry.picked);
    windows.insert(windows.end(), entry.picked->begin(), entry.picked->end());
  }
  std::ranges::sort(windows);
  EXPECT_THAT(windows, ElementsAre(0, 1));
}

TEST_F(PlanTest, WhoIsPickedOfANetworkNamespaceStandsForAllOfIt) {
  auto sidecar = container("sidecar", {{"service", "db"}});
  sidecar.container.network_mode = "container:db";
  observed.containers.push_back(sidecar);
  desired.policies[0].policy.pick = {1, {}};
  desired.policies[0].policy.schedule.frequency = 10s;
  for (desired.policies[0].policy.schedule.seed = 0; desired.policies[0].policy.schedule.seed < 10;
       ++desired.policies[0].policy.schedule.seed) {
    const Plan planned = plan(desired, observed, now);
    EXPECT_THAT(std::get<CreateInjector>(planned.actions.at(0)).entries.at(0).picked,
                testing::Optional(ElementsAre(0, 1)));
  }
}

TEST_F(PlanTest, APolicyThatMatchesNothingWaits) {
  desired.policies = {policy_for("later", "service=cache")};
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_EQ(status().phase, Phase::waiting);
  EXPECT_THAT(status().message, HasSubstr("no running container matches service=cache"));
}

TEST_F(PlanTest, SeveralPoliciesShareOneInjector) {
  desired.policies.push_back(policy_for("also", "@name=db*"));
  const Plan both = plan(desired, observed, now);
  ASSERT_EQ(both.actions.size(), 1U);
  EXPECT_EQ(std::get<CreateInjector>(both.actions[0]).entries.size(), 2U);
}

TEST_F(PlanTest, AChangedPolicyIsSentAnew) {
  observed.injectors = {injector("i1", "db", entries_of(desired.policies[0], "db"))};
  desired.policies[0].policy.schedule.probability = 0.5;
  EXPECT_THAT(actions(), ElementsAre("send i1 1"));
}

TEST_F(PlanTest, AnUnneededInjectorIsEmptiedThenRemoved) {
  observed.injectors = {injector("i1", "db", entries_of(desired.policies[0], "db"))};
  desired.policies[0].policy.running = false;
  EXPECT_THAT(actions(), ElementsAre("send i1 0"));
  observed.injectors[0].sent.clear();
  observed.injectors[0].sent_revision = 6;
  EXPECT_THAT(actions(), IsEmpty()) << "it has not confirmed yet";
  observed.injectors[0].state->revision = 6;
  observed.injectors[0].state->clean = false;
  EXPECT_THAT(actions(), IsEmpty()) << "it is not clean yet";
  observed.injectors[0].state->clean = true;
  EXPECT_THAT(actions(), ElementsAre("remove i1: no policy needs it"));
}

TEST_F(PlanTest, ARestartedTargetGetsANewInjector) {
  observed.injectors = {injector("i1", "db", entries_of(desired.policies[0], "db"))};
  observed.containers.edit(0).started_at = "second";
  EXPECT_THAT(actions(), ElementsAre("create db", "remove i1: its target was restarted"));
}

TEST_F(PlanTest, AnInjectorWhoseTargetIsGoneIsRemoved) {
  observed.injectors = {injector("i1", "gone", {})};
  EXPECT_THAT(actions(), ElementsAre("create db", "remove i1: its target is gone"));
}

TEST_F(PlanTest, ADeadOrStrangeInjectorIsReplaced) {
  observed.injectors = {injector("i1", "db", entries_of(desired.policies[0], "db"))};
  observed.injectors[0].running = false;
  EXPECT_THAT(actions(), ElementsAre("create db", "remove i1: it has ended"));
  observed.injectors[0].running = true;
  observed.injectors[0].other_version = true;
  EXPECT_THAT(actions(), ElementsAre("create db", "remove i1: it is of another version"));
  observed.injectors[0].other_version = false;
  observed.injectors[0].silent = true;
  EXPECT_THAT(actions(), ElementsAre("create db", "remove i1: it does not answer"));
}

TEST_F(PlanTest, TwoInjectorsInOneNamespaceAreOneTooMany) {
  const auto entries = entries_of(desired.policies[0], "db");
  observed.injectors = {injector("i1", "db", entries), injector("i2", "db", entries)};
  EXPECT_THAT(actions(), ElementsAre("remove i2: another injector serves its target"));
}

TEST_F(PlanTest, AfterARestartOfTheServiceItAttachesAgain) {
  observed.injectors = {injector("i1", "db", {})};
  observed.injectors[0].attached = false;
  observed.injectors[0].sent_revision = 0;
  EXPECT_THAT(actions(), ElementsAre("attach i1"));
  observed.injectors[0].attached = true;
  EXPECT_THAT(actions(), ElementsAre("send i1 1"));
}

TEST_F(PlanTest, SharedNamespacesShareOneInjectorAndOneRollOfTheDice) {
  auto sidecar = container("sidecar", {{"service", "db"}});
  sidecar.container.network_mode = "container:db";
  observed.containers.push_back(sidecar);
  const Plan shared = plan(desired, observed, now);
  ASSERT_THAT(told(shared), ElementsAre("create db"));
  EXPECT_EQ(std::get<CreateInjector>(shared.actions[0]).entries.size(), 1U);
  EXPECT_EQ(match("slow").targets.size(), 2U);
}

TEST_F(PlanTest, WhoeverJoinedAnEarlierStartOfANetworkIsLeftAlone) {
  auto sidecar = container("sidecar", {{"service", "sidecar"}});
  sidecar.container.network_mode = "container:db";
  sidecar.started_at = "2026-11-25T10:00:00.5Z";
  observed.containers.push_back(sidecar);
  observed.containers.edit(0).started_at = "2026-11-25T10:00:00.123456789Z";
  desired.policies[0].policy.selector = *policy::Selector::parse("service=sidecar");
  EXPECT_THAT(actions(), ElementsAre("create db"));
  observed.containers.edit(0).started_at = "2026-11-25T10:00:01Z";  // it was restarted
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("when db-name was started again: restart it, too"));
}

TEST_F(PlanTest, WhoeverStartedFirstOfThoseWhoseOwnerIsGoneSharesAllTheSame) {
  auto first = container("first", {{"service", "sidecar"}});
  first.container.network_mode = "container:gone";
  first.started_at = "2026-11-25T10:00:02Z";
  auto second = container("second", {{"service", "sidecar"}});
  second.container.network_mode = "container:gone";
  second.started_at = "2026-11-25T10:00:01Z";
  observed.containers = {first, second};
  desired.policies[0].policy.selector = *policy::Selector::parse("service=sidecar");
  EXPECT_THAT(actions(), ElementsAre("create first"));
  EXPECT_EQ(match("slow").targets.size(), 2U);
}

TEST_F(PlanTest, RulesHoldForTheWholeNamespace) {
  auto sidecar = container("sidecar", {{"service", "sidecar"}, {"entropy.enable", "true"}, {"team", "a"}});
  sidecar.container.network_mode = "container:db";
  observed.containers.push_back(sidecar);
  desired.policies[0].policy.selector = *policy::Selector::parse("service=sidecar");
  EXPECT_THAT(actions(), ElementsAre("create db"));
  desired.rules.require_opt_in = true;
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("shares its network with db-name, which has not opted in"));
  desired.rules.require_opt_in = false;
  desired.rules.scope = *policy::Selector::parse("team=a");
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("with db-name, which is outside the service's scope"));
  desired.rules.scope.reset();
  observed.containers.edit(0).container.labels["entropy.allow"] = "kill";
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("with db-name, which does not allow latency"));
}

TEST_F(PlanTest, HaltEmptiesInjectorsAndMakesNone) {
  observed.injectors = {injector("i1", "db", entries_of(desired.policies[0], "db"))};
  observed.containers.push_back(container("db2", {{"service", "db"}}));
  desired.halted = true;
  EXPECT_THAT(actions(), ElementsAre("send i1 0"));
  EXPECT_EQ(status().phase, Phase::halted);
}

TEST_F(PlanTest, AnExpiredPolicyNeedsNothing) {
  desired.policies[0].policy.schedule.ttl = 500ms;
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_EQ(status().phase, Phase::expired);
}

TEST_F(PlanTest, ALostEngineIsLeftAloneAndSaid) {
  observed.injectors = {injector("i1", "gone", {})};
  observed.lost[here] = "no Docker engine at " + here;
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_EQ(status().phase, Phase::degraded);
  EXPECT_THAT(status().message, HasSubstr("no Docker engine"));
}

TEST_F(PlanTest, RulesKeepContainersOut) {
  observed.containers.edit(0).container.network_mode = "host";
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("host's network"));
  EXPECT_EQ(status().phase, Phase::waiting);

  observed.containers.edit(0).container.network_mode = "default";
  observed.containers.edit(0).container.labels["entropy.protect"] = "true";
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("protected"));

  observed.containers.edit(0).container.labels.erase("entropy.protect");
  desired.rules.require_opt_in = true;
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("entropy.enable=true"));
  observed.containers.edit(0).container.labels["entropy.enable"] = "true";
  EXPECT_THAT(actions(), ElementsAre("create db"));

  desired.rules.scope = *policy::Selector::parse("team=a");
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("scope"));
  desired.rules.scope.reset();

  observed.containers.edit(0).container.labels["entropy.allow"] = "loss, partition";
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("does not allow latency"));
  observed.containers.edit(0).container.labels["entropy.allow"] = "delay";
  EXPECT_THAT(actions(), ElementsAre("create db"));

  desired.rules.own_container = "db";
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("Entropy itself"));
}

TEST_F(PlanTest, WhoSharesItsNetworkWithEntropyIsLeftAlone) {
  auto service = container("entropy", {});
  service.container.network_mode = "container:db";
  observed.containers.push_back(service);
  desired.rules.own_container = "entropy";
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_EQ(match("slow").skipped.at(0).reason, "it shares its network with entropy-name, which is Entropy itself");
}

TEST_F(PlanTest, ProtectionHoldsForTheWholeNamespace) {
  auto sidecar = container("sidecar", {{"entropy.protect", "true"}});
  sidecar.container.network_mode = "container:db";
  observed.containers.push_back(sidecar);
  EXPECT_THAT(actions(), IsEmpty());
  EXPECT_THAT(match("slow").skipped.at(0).reason, HasSubstr("shares its network with sidecar-name"));
}

TEST_F(PlanTest, ActiveMeansThatAnInjectorReadItBack) {
  observed.injectors = {injector("i1", "db", entries_of(desired.policies[0], "db"))};
  EXPECT_EQ(status().phase, Phase::armed);
  observed.injectors[0].state->active = {{"slow", "db-name", "latency", 0, now, policy::never, now}};
  EXPECT_EQ(status().phase, Phase::active);
  EXPECT_EQ(status().active, 1U);
  EXPECT_EQ(status().injectors, 1U);
  observed.injectors[0].state->failed = {{{"other", "db-name", "loss", 0, now, policy::never, {}}, "no room"}};
  EXPECT_EQ(status().phase, Phase::active) << "it is another policy's";
  observed.injectors[0].state->failed[0].fault.policy = "slow";
  EXPECT_EQ(status().phase, Phase::degraded);
  EXPECT_THAT(status().message, HasSubstr("no room"));
  observed.injectors[0].state->failed.clear();
  observed.injectors[0].state->message = "the kernel refused the rules";
  EXPECT_EQ(status().phase, Phase::degraded);
  EXPECT_THAT(status().message, HasSubstr("refused"));
}

TEST_F(PlanTest, AnInjectorThatCannotBeMadeDegradesThePolicy) {
  observed.failures["db"] = "no space left on the engine";
  EXPECT_EQ(status().phase, Phase::degraded);
  EXPECT_THAT(status().message, HasSubstr("db-name: no space left"));
}

TEST(ScheduleName, OfASwarmTaskIsItsSlot) {
  docker::Container task;
  task.name = "web.3.abcdef";
  task.labels["com.docker.swarm.task.name"] = "web.3.abcdef";
  EXPECT_EQ(schedule_name(task), "web.3");
  task.labels["com.docker.swarm.task.name"] = "agent.8smtafa3nkyfe3vx4dxe5ltjd.abcdef";
  EXPECT_EQ(schedule_name(task), "agent.8smtafa3nkyfe3vx4dxe5ltjd");  // a global service's: the node
  task.labels.clear();
  EXPECT_EQ(schedule_name(task), "web.3.abcdef");
}

TEST(Labels, DescribeAnInjector) {
  const CreateInjector action{here, "db-id", "db", "2026", {}};
  const docker::ContainerSpec spec = injector_spec(action, "m1", "sha256:x");
  EXPECT_EQ(spec.name, "entropy-db");
  EXPECT_EQ(spec.network_mode, "container:db-id");
  EXPECT_THAT(spec.cap_drop, ElementsAre("ALL"));
  EXPECT_THAT(spec.cap_add, ElementsAre("NET_ADMIN"));
  docker::Container made;
  made.id = "i1";
  made.name = spec.name;
  made.labels = spec.labels;
  EXPECT_TRUE(is_injector(made));
  const ObservedInjector read = injector_from(here, made);
  EXPECT_EQ(read.target_id, "db-id");
  EXPECT_EQ(read.target_started, "2026");
  EXPECT_FALSE(read.other_version);
}

}  // namespace
}  // namespace entropy::control
