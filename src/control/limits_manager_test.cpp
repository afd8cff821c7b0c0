// The service's limits as a manager on a fake engine keeps to them.
#include "control/manager_fixture.hpp"

namespace entropy::control {
namespace {

using testing::HasSubstr;

class LimitedManager : public ManagerTest {
 protected:
  LimitedManager() {
    stop_service();
    options.rules.limits.max_active = 2;
    start_service();
    for (int i = 1; i <= 5; ++i) engine_->run_container(concat("web-", i), {{"service", "web"}});
  }
  std::uint64_t active(std::string_view name) { return manager_->policy(name)->status.active; }
};

TEST_F(LimitedManager, HoldsBackWhatIsTooMuchAndSaysSo) {
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return active("cut") == 2; });
  until([&] { return engine_->injector_ids().size() == 5; });
  EXPECT_EQ(active("cut"), 2U);
  const auto view = *manager_->policy("cut");
  EXPECT_EQ(view.status.phase, Phase::active);
  EXPECT_THAT(view.status.message, HasSubstr("3 of 5 containers held back"));
  EXPECT_EQ(std::ranges::count(view.targets, "held-back", &TargetState::state), 3);
  const auto events = manager_->recent_events();
  EXPECT_EQ(std::ranges::count(events, "target.held_back", &Event::type), 3);
  EXPECT_EQ(manager_->forecast("cut", clock_.now() + 1h).size(), 2U);
}

TEST_F(LimitedManager, AMissedWindowSaysThatItWasTheLimit) {
  ASSERT_TRUE(manager_->create_policy(draft(
      R"({"name": "cut", "selector": "service=web", "failure": "partition", "frequency": "1h", "duration": "1s"})")));
  until([&] { return manager_->policy("cut")->status.missed == 3; });
  const auto rows = *manager_->faults({});
  EXPECT_EQ(std::ranges::count(rows, store::Outcome::missed, &FaultRecord::outcome), 3);
  for (const auto& row : rows) {
    if (row.outcome == store::Outcome::missed) EXPECT_EQ(row.message, "cap");
  }
  EXPECT_EQ(windows("cut", "hit"), 2);
  EXPECT_EQ(windows("cut", "missed"), 3);
}

TEST_F(LimitedManager, WhatGetsFreeIsGivenOn) {
  ASSERT_TRUE(manager_->create_policy(partition("first", "service=web")));
  until([&] { return active("first") == 2; });
  ASSERT_TRUE(manager_->create_policy(partition("second", "service=web")));
  until([&] { return !manager_->policy("second")->status.message.empty(); });
  EXPECT_EQ(active("second"), 0U);
  ASSERT_TRUE(wait_for(manager_->stop_policy("first")));
  until([&] { return active("second") == 2; });
}

TEST_F(LimitedManager, WhatIsStoppedTogetherGetsNoneOfTheRoom) {
  ASSERT_TRUE(manager_->create_policy(partition("first", "service=web")));
  until([&] { return active("first") == 2; });
  ASSERT_TRUE(manager_->create_policy(partition("second", "service=web")));
  until([&] { return !manager_->policy("second")->status.message.empty(); });
  ASSERT_TRUE(manager_->stop_policies({"first", "none", "second"}));
  EXPECT_EQ(phase("second"), Phase::stopped);
  ASSERT_TRUE(wait_for(manager_->stop_policy("first")));
  ASSERT_TRUE(wait_for(manager_->stop_policy("second")));
  const auto rows = *manager_->faults({});
  EXPECT_TRUE(std::ranges::none_of(rows, [](const FaultRecord& row) { return row.policy == "second" && row.started; }));
}

TEST_F(LimitedManager, ANewServiceLetsThoseInThatAreIn) {
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return active("cut") == 2; });
  const auto holding = [&] {
    std::set<std::string> names;
    for (const auto& target : manager_->policy("cut")->targets) {
      if (target.state == "active") names.insert(target.name);
    }
    return names;
  };
  const auto before = holding();
  stop_service();
  start_service();
  until([&] { return active("cut") == 2; });
  EXPECT_EQ(holding(), before);
}

TEST_F(LimitedManager, WhoSharesANetworkIsHeldBackTogether) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  run_beside(db, "beside", {{"service", "db"}});
  until([&] { return manager_->targets(std::nullopt, {}).size() == 7; });
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return active("cut") == 2; });
  ASSERT_TRUE(manager_->create_policy(partition("late", "service=db")));
  until([&] { return !manager_->policy("late")->status.message.empty(); });
  EXPECT_THAT(manager_->policy("late")->status.message, HasSubstr("2 of 2 containers held back"));
  until([&] { return engine_->injector_ids().size() == 6; });
  const auto view = *manager_->policy("late");
  EXPECT_EQ(std::ranges::count(view.targets, "held-back", &TargetState::state), 2);
  for (const auto& target : view.targets) EXPECT_THAT(target.reason, HasSubstr("--max-active 2"));
}

}  // namespace
}  // namespace entropy::control
