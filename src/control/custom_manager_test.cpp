// Custom injector images on a fake engine.
#include "control/manager_fixture.hpp"

namespace entropy::control {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view header_open = "== Entropy Header Open ==\n";
constexpr std::string_view header_close = "\n== Entropy Header Close ==\n";

class CustomManagerTest : public ManagerTest {
 protected:
  CustomManagerTest() { engine_->custom_log = concat(header_open, R"({"started": true})", header_close); }

  policy::Draft custom(std::string_view more = "") {
    return draft(concat(R"({"name": "skew", "selector": "service=db", "image": "custom:1",
                            "failure": {"clock-skew": {"by": [5]}}, "seed": 7)",
                        more, "}"));
  }
  PolicyStatus status() { return manager_->policy("skew")->status; }
  fakes::FakeContainer& container() { return engine_->containers.at(engine_->injector_ids().at(0)); }
  std::vector<Outcome> outcomes() {
    std::vector<Outcome> outcomes;
    for (const auto& record : *manager_->faults({})) outcomes.push_back(record.outcome);
    return outcomes;
  }
};

TEST_F(CustomManagerTest, RunsTheImageBesideTheTarget) {
  const std::string db = engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(custom(R"(, "frequency": "1h", "duration": "1m")")));
  const auto view = wait_for(manager_->settled("skew"));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->status.phase, Phase::active);
  EXPECT_EQ(view->status.injectors, 1U);
  const docker::ContainerSpec& spec = container().spec;
  EXPECT_EQ(spec.name, "skew_" + db.substr(0, 12));
  EXPECT_EQ(spec.network_mode, "container:" + db);
  EXPECT_THAT(spec.cap_drop, ElementsAre("ALL"));
  EXPECT_THAT(spec.cap_add, ElementsAre("NET_ADMIN"));
  EXPECT_EQ(spec.labels.at("entropy.policy"), "skew");
  for (const auto* expected :
       {"ENTROPY_FAILURES=clock-skew", R"(ENTROPY_PARAMETERS={"by":[5]})", "ENTROPY_DURATION=60",
        "ENTROPY_FREQUENCY=60", "ENTROPY_PROBABILITY=1", "ENTROPY_POLICY=skew", "ENTROPY_SEED=7"}) {
    EXPECT_THAT(spec.environment, Contains(expected));
  }
  const auto injectors = manager_->injectors();
  ASSERT_EQ(injectors.size(), 1U);
  EXPECT_EQ(injectors[0].backend, "none");
  EXPECT_EQ(injectors[0].state, InjectorState::running);
  EXPECT_EQ(injectors[0].active.at(0).failure, "clock-skew");
  ASSERT_TRUE(wait_for(manager_->remove_policy("skew", true, std::nullopt)));
  EXPECT_THAT(outcomes(), ElementsAre(Outcome::cut_short));
  until([&] { return engine_->injector_ids().empty(); });
}

TEST_F(CustomManagerTest, TargetsInOneNetworkNamespaceFareAlike) {
  const std::string db = engine_->run_container("db", {{"service", "db"}});
  run_beside(db, "beside", {{"service", "db"}});
  until([&] { return manager_->targets(std::nullopt, {}).size() == 2; });
  ASSERT_TRUE(manager_->create_policy(custom(R"(, "frequency": "1h", "duration": "1m")")));
  ASSERT_TRUE(wait_for(manager_->settled("skew")));
  const auto view = *manager_->policy("skew");
  EXPECT_EQ(std::ranges::count(view.targets, "active", &TargetState::state), 2);
  EXPECT_EQ(view.status.active, 1U);
}

TEST_F(CustomManagerTest, AnImageWithoutAHeaderIsTakenAsStarted) {
  engine_->custom_log = "words\n";
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(custom()));
  until([&] { return phase("skew") == Phase::active; });
}

TEST_F(CustomManagerTest, ValidationErrorsComeWithTheAnswer) {
  engine_->custom_log =
      concat(header_open, R"({"started": false, "validation_errors": [{"field": "by", "message": "5 is odd"}]})",
             header_close);
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(custom()));
  const auto view = wait_for(manager_->settled("skew"));
  EXPECT_EQ(view->status.phase, Phase::degraded);
  EXPECT_EQ(view->status.message, "db: by: 5 is odd");
  until([&] { return container().container.state == "exited"; });
  EXPECT_EQ(manager_->injectors().at(0).state, InjectorState::failed);
  EXPECT_THAT(outcomes(), ElementsAre(Outcome::failed));
  // Better parameters are tried at once.
  engine_->custom_log = concat(header_open, R"({"started": true})", header_close);
  ASSERT_TRUE(manager_->put_policy("skew", draft(R"({"selector": "service=db", "image": "custom:1", "seed": 7,
                                                     "failure": {"clock-skew": {"by": [6]}}})"),
                                   std::nullopt));
  EXPECT_EQ(wait_for(manager_->settled("skew"))->status.phase, Phase::active);
}

TEST_F(CustomManagerTest, AStartTriesAgainWhatWasRefused) {
  const std::string before = engine_->custom_log;
  engine_->custom_log = concat(header_open, R"({"started": false, "validation_errors": ["no"]})", header_close);
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(custom()));
  until([&] { return phase("skew") == Phase::degraded; });
  ASSERT_TRUE(wait_for(manager_->stop_policy("skew")));
  engine_->custom_log = before;
  ASSERT_TRUE(manager_->start_policy("skew"));
  until([&] { return phase("skew") == Phase::active; });
}

TEST_F(CustomManagerTest, ACrashIsSaidAndTriedAgain) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(custom()));
  until([&] { return phase("skew") == Phase::active; });
  const auto first = engine_->injector_ids();
  container().exit_code = 3;
  engine_->die(first[0]);
  until([&] { return phase("skew") == Phase::degraded; });
  EXPECT_THAT(status().message, HasSubstr("exit code 3"));
  EXPECT_EQ(manager_->injectors().at(0).state, InjectorState::failed);
  until([&] { return phase("skew") == Phase::active; });
  EXPECT_NE(engine_->injector_ids(), first);
  EXPECT_THAT(outcomes(), ElementsAre(Outcome::active, Outcome::failed));
}

TEST_F(CustomManagerTest, AMissingImageIsPulledOrSaid) {
  engine_->images.clear();
  engine_->refuse["pull"] = Error{ErrorCode::unavailable, "no such host", {}};
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(custom()));
  EXPECT_THAT(wait_for(manager_->settled("skew"))->status.message,
              HasSubstr("the image custom:1 is not there and can't be pulled: no such host"));
  engine_->refuse.clear();
  until([&] { return phase("skew") == Phase::active; });
}

TEST_F(CustomManagerTest, WhatCouldNotBeStartedIsRemovedUntilItIsGone) {
  engine_->run_container("db", {{"service", "db"}});
  engine_->refuse["start"] = engine_->refuse["remove"] = Error{ErrorCode::timeout, "no answer in time", {}};
  ASSERT_TRUE(manager_->create_policy(custom()));
  until([&] { return !engine_->injector_ids().empty(); });
  auto stopped = wait_for(manager_->remove_policy("skew", false, std::nullopt));
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(manager_->policy("skew")) << "it may run for all we know";
  engine_->refuse.clear();
  until([&] { return engine_->injector_ids().empty() && !manager_->policy("skew"); });
}

TEST_F(CustomManagerTest, ANewServiceTakesOverAndShutsDown) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(custom()));
  until([&] { return phase("skew") == Phase::active; });
  const auto before = engine_->injector_ids();
  stop_service();
  start_service();
  until([&] { return phase("skew") == Phase::active; });
  EXPECT_EQ(engine_->injector_ids(), before);
  EXPECT_THAT(outcomes(), ElementsAre(Outcome::active));
  std::optional<std::size_t> left;
  asio::co_spawn(io_, manager_->shut_down(9s), [&](std::exception_ptr, std::size_t count) { left = count; });
  until([&] { return left.has_value(); });
  EXPECT_EQ(left, 0U);
  EXPECT_TRUE(engine_->injector_ids().empty());
  EXPECT_THAT(outcomes(), ElementsAre(Outcome::cut_short));
}

TEST_F(CustomManagerTest, HaltEndsIt) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(custom()));
  until([&] { return phase("skew") == Phase::active; });
  ASSERT_TRUE(wait_for(manager_->halt("enough")));
  EXPECT_EQ(status().active, 0U);
  ASSERT_TRUE(manager_->resume());
  until([&] { return phase("skew") == Phase::active; });
}

TEST_F(CustomManagerTest, NothingIsKeptOfTargetsThatAreGone) {
  FollowedEngine followed(io_, timing_, clock_, *store_);
  CustomInjectors customs({timing_, clock_, followed.journal, "m1", followed.endpoints, [] {}});
  const auto db = followed.engine->run_container("db", {});
  followed.engine->refuse["create"] = Error{ErrorCode::internal, "no space left on device", {}};
  until([&] { return followed.shows(db); });
  CustomRun run;
  run.endpoint = "e";
  run.target_id = db;
  run.custom.image = "custom:1";
  run.fault.policy = "p";
  run.until = clock_.now() + 1min;
  customs.start(CreateCustom{run});
  const auto troubles = [&] {
    policy::Record record;
    record.policy.name = "p";
    customs.look({record});
    Observed observed;
    customs.add_troubles(observed);
    return observed.custom_troubles.size();
  };
  until([&] { return troubles() == 1; });
  followed.engine->destroy(db);
  until([&] { return !followed.endpoints.front()->may_have(db); });
  EXPECT_EQ(troubles(), 0U);
}

}  // namespace
}  // namespace entropy::control
