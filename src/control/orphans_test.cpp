#include "control/orphans.hpp"

#include <gmock/gmock.h>

#include "control/labels.hpp"
#include "control/manager_fixture.hpp"

namespace entropy::control {
namespace {

constexpr Time now = Time(1'000'000s);

docker::ContainerDetails container(std::string state, Duration age, docker::Labels labels = {}) {
  docker::ContainerDetails details;
  details.container.state = std::move(state);
  details.container.labels = std::move(labels);
  details.container.labels.emplace("entropy.injector", "true");
  details.created = now - age;
  return details;
}

std::string line(const program::Report& report) { return program::to_json_line(report) + "\n"; }
program::State state(bool leased) { return {5, "", "userspace", false, leased, true, {}, ""}; }

TEST(Orphans, AnInjectorSaysWhetherAnybodyRenewsItsLease) {
  const auto running = container("running", 1h);
  EXPECT_FALSE(is_orphan(running, "", now)) << "in doubt it is none";
  EXPECT_FALSE(is_orphan(running, line(state(true)), now));
  EXPECT_TRUE(is_orphan(running, "half a line\n" + line(state(true)) + line(state(false)), now));
  EXPECT_FALSE(is_orphan(running, line(state(false)) + line(program::Alive{}), now));
}

TEST(Orphans, WhatDoesNotRunShouldHaveBeenRemoved) {
  EXPECT_FALSE(is_orphan(container("created", 1min), "", now));
  EXPECT_TRUE(is_orphan(container("created", 3min), "", now));
  auto examiner = container("running", 5min);
  examiner.container.labels["entropy.injector"] = "examiner";
  EXPECT_FALSE(is_orphan(examiner, "", now));
  examiner.created = now - 11min;
  EXPECT_TRUE(is_orphan(examiner, "", now));
}

TEST(Orphans, ACustomImageShouldHaveEndedWithItsWindow) {
  const auto custom = [](Time end, Duration age) {
    const program::Fault fault{"p", "db", "mtu", 3, now - 1h, end};
    return container(
        "running", age,
        {{"entropy.policy", "p"}, {"entropy.fault", program::to_json_line(program::FaultStarted{fault, ""})}});
  };
  EXPECT_FALSE(is_orphan(custom(now - 1min, 10min), "", now));
  EXPECT_TRUE(is_orphan(custom(now - 3min, 10min), "", now));
  EXPECT_FALSE(is_orphan(custom(policy::never, 1h), "", now));
  EXPECT_TRUE(is_orphan(custom(policy::never, 2h), "", now));
}

class OrphansOnAnEngine : public ManagerTest {
 protected:
  std::string foreign(std::string name, bool leased) {
    const std::string id = engine_->run_container(
        std::move(name), {{"entropy.injector", "true"}, {"entropy.manager", "m0"}, {"entropy.target", "t"}});
    engine_->containers.at(id).log = line(state(leased));
    return id;
  }
};

TEST_F(OrphansOnAnEngine, AreToldFromThoseThatSomebodyServesAndRemovedAlone) {
  const auto served = foreign("entropy-served", true);
  const auto left = foreign("entropy-left", false);
  engine_->containers.at(foreign("entropy-going", false)).container.state = "removing";
  until([&] { return manager_->endpoints().front().message.contains("manager m0"); });
  const auto examined = wait_for(manager_->examine_endpoints());
  ASSERT_TRUE(examined) << examined.error().message;
  ASSERT_EQ(examined->front().others.size(), 1U);
  EXPECT_EQ(examined->front().others[0].containers, 2U);
  EXPECT_THAT(examined->front().others[0].orphans, testing::ElementsAre("entropy-left"));
  const auto cleaned = wait_for(manager_->clean_endpoints());
  ASSERT_TRUE(cleaned);
  EXPECT_THAT(cleaned->front().removed, testing::ElementsAre("entropy-left"));
  EXPECT_TRUE(engine_->containers.contains(served));
  EXPECT_FALSE(engine_->containers.contains(left));
  EXPECT_EQ(metric("entropy_orphans_removed_total"), 1);
}

TEST_F(OrphansOnAnEngine, AreFoundRightAfterAStart) {
  const auto left = foreign("entropy-left", false);
  const auto restart = [&] {
    stop_service();
    begin_service();
  };
  restart();
  const auto examined = wait_for(manager_->examine_endpoints());
  ASSERT_TRUE(examined) << examined.error().message;
  EXPECT_TRUE(examined->front().up) << examined->front().message;
  ASSERT_EQ(examined->front().others.size(), 1U);
  restart();
  const auto cleaned = wait_for(manager_->clean_endpoints());
  ASSERT_TRUE(cleaned);
  EXPECT_FALSE(engine_->containers.contains(left));
}

}  // namespace
}  // namespace entropy::control
