// stop_when and start_when as a manager on a fake engine follows them.
#include "control/manager_fixture.hpp"
#include "fakes/fake_probe.hpp"

namespace entropy::control {
namespace {

using testing::HasSubstr;

class GuardedManager : public ManagerTest {
 protected:
  GuardedManager() {
    stop_service();
    options.probe = probe;
    start_service();
    web = engine_->run_container("web", {{"service", "web"}});
  }
  policy::Draft cut(std::string_view conditions) {
    return draft(concat(R"({"name": "cut", "selector": "service=web", "failure": "partition", )", conditions, "}"));
  }
  PolicyView view() { return *manager_->policy("cut"); }
  void until_active() {
    until([&] { return view().status.phase == Phase::active; });
  }
  bool holds_nothing() {
    const auto views = manager_->injectors();
    return std::ranges::all_of(views, [](const InjectorView& each) { return each.active.empty(); });
  }

  std::shared_ptr<fakes::FakeProbe> probe = std::make_shared<fakes::FakeProbe>();
  std::string web;
};

TEST_F(GuardedManager, AnUnhealthyTargetStopsThePolicy) {
  ASSERT_TRUE(manager_->create_policy(cut(R"("stop_when": "unhealthy")")));
  until_active();
  EXPECT_THAT(view().status.conditions.at(0).evidence, HasSubstr("has a HEALTHCHECK"));
  engine_->set_health(web, "unhealthy");
  until([&] { return view().status.phase == Phase::stopped; });
  until([&] { return holds_nothing(); });
  EXPECT_THAT(view().status.message, HasSubstr("unhealthy: targets: web is unhealthy"));
  ASSERT_TRUE(view().status.stopped);
  const auto events = manager_->recent_events();
  const auto stopped = std::ranges::find(events, "policy.stopped", &Event::type);
  ASSERT_NE(stopped, events.end());
  EXPECT_EQ(stopped->data.at("by").as_string(), "stop_when");
  EXPECT_EQ(stopped->data.at("evidence").as_string(), "web is unhealthy (refused)");
}

TEST_F(GuardedManager, ItStaysStoppedOverARestartUntilSomebodyStartsIt) {
  ASSERT_TRUE(manager_->create_policy(cut(R"("stop_when": "died")")));
  until_active();
  engine_->restart(web);
  until([&] { return view().status.phase == Phase::stopped; });
  stop_service();
  start_service();
  EXPECT_EQ(view().status.phase, Phase::stopped);
  EXPECT_THAT(view().status.stopped->evidence, HasSubstr("web ended with exit code"));
  ASSERT_TRUE(manager_->start_policy("cut"));
  EXPECT_FALSE(view().status.stopped);
  until_active();
}

TEST_F(GuardedManager, AnEndThatNoEventToldOfStopsThePolicy) {
  ASSERT_TRUE(manager_->create_policy(cut(R"("stop_when": "died")")));
  until_active();
  stop_service();
  start_service();
  until_active();
  EXPECT_EQ(view().status.conditions.at(0).evidence, "none has ended");
  stop_service();
  kept_.at(web).started_at = "another start";
  kept_.at(web).more.finished_at = to_rfc3339(clock_.now());
  start_service();
  until([&] { return view().status.phase == Phase::stopped; });
  EXPECT_THAT(view().status.stopped->evidence, HasSubstr("web ended at 20"));
  ASSERT_TRUE(manager_->start_policy("cut"));
  until_active();
}

TEST_F(GuardedManager, AnEndWhileTheEngineWasOutOfReachStopsThePolicy) {
  ASSERT_TRUE(manager_->create_policy(cut(R"("stop_when": {"died": "service=db"})")));
  const std::string db = engine_->run_container("db", {{"service", "db"}});
  until_active();
  engine_->break_down("gone");
  until([&] { return !manager_->endpoints().front().up; });
  engine_->containers.at(db).container.state = "exited";
  engine_->containers.at(db).exit_code = 3;
  engine_->containers.at(db).more.finished_at = to_rfc3339(clock_.now());
  engine_->broken.clear();
  until([&] { return view().status.phase == Phase::stopped; });
  EXPECT_THAT(view().status.stopped->evidence, HasSubstr("db ended with exit code 3 at "));
}

TEST_F(GuardedManager, AnAddressThatIsDownStopsThePolicy) {
  probe->answers["web"] = {200, ""};
  ASSERT_TRUE(manager_->create_policy(
      cut(R"("stop_when": [{"http_down": {"url": "http://web/", "interval": "1s", "timeout": "1s", "retries": 1}}])")));
  until_active();
  EXPECT_EQ(view().status.conditions.at(0).evidence, "it answered 200");
  probe->answers["web"] = {500, ""};
  until([&] { return view().status.phase == Phase::stopped; });
  EXPECT_EQ(view().status.stopped->evidence, "it answered 500");
}

TEST_F(GuardedManager, StartWhenHoldsAPolicyUntilAllOfItHolds) {
  ASSERT_TRUE(manager_->create_policy(cut(
      R"("start_when": [{"healthy": "@name=web"}, {"http_up": {"url": "http://db/", "interval": "1s", "timeout": "1s"}}])")));
  until([&] { return !probe->asked.empty(); });
  EXPECT_EQ(view().status.phase, Phase::waiting);
  EXPECT_THAT(view().status.message, HasSubstr("healthy: @name=web (no container"));
  engine_->set_health(web, "healthy");
  until([&] { return view().status.message.contains("http_up: http://db/ (nobody listens"); });
  EXPECT_TRUE(engine_->injector_ids().empty());
  const Time held = view().record.policy.schedule.epoch;
  probe->answers["db"] = {200, ""};
  until_active();
  EXPECT_GT(view().record.policy.schedule.epoch, held);
  EXPECT_FALSE(view().record.held);
  // Once begun it goes on, whatever its start_when says.
  engine_->set_health(web, "unhealthy");
  ASSERT_TRUE(manager_->create_policy(partition("other", "service=web")));
  until([&] { return phase("other") == Phase::active; });
  EXPECT_EQ(view().status.phase, Phase::active);
}

TEST_F(GuardedManager, AHeldPolicyStaysHeldOverARestart) {
  ASSERT_TRUE(manager_->create_policy(cut(R"("start_when": "healthy")")));
  stop_service();
  start_service();
  EXPECT_TRUE(view().record.held);
  engine_->set_health(web, "healthy");
  until_active();
}

TEST_F(GuardedManager, WhileHaltedNothingBeginsNorStops) {
  ASSERT_TRUE(manager_->create_policy(cut(R"("start_when": "healthy")")));
  ASSERT_TRUE(wait_for(manager_->halt("")));
  engine_->set_health(web, "healthy");
  until([&] { return engine_->containers.at(web).container.health == "healthy"; });
  ASSERT_TRUE(wait_for(manager_->halt("")));
  EXPECT_TRUE(view().record.held);
  ASSERT_TRUE(manager_->resume());
  until_active();
}

TEST_F(GuardedManager, AServiceThatAsksNoAddressesSaysSo) {
  stop_service();
  options.probe = nullptr;
  start_service();
  const auto refused = manager_->create_policy(cut(R"("stop_when": ["died", {"http_down": "http://web/"}])"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fields.at(0).field, "stop_when.1");
  EXPECT_THAT(refused.error().fields.at(0).message, HasSubstr("--no-probes"));
}

}  // namespace
}  // namespace entropy::control
