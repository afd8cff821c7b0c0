#include "control/act_words.hpp"
#include "control/manager_fixture.hpp"

namespace entropy::control {
namespace {

using testing::Contains;
using testing::HasSubstr;

class ContainerActsTest : public ManagerTest {
 protected:
  policy::Draft acting(std::string_view name, std::string_view failure, std::string_view more = "") {
    return draft(concat(R"({"name": ")", name, R"(", "selector": "service=db", "failure": )", failure, more, "}"));
  }
  void begin(std::string_view name, std::string_view failure, std::string_view more = "") {
    const auto made = manager_->create_policy(acting(name, failure, more));
    ASSERT_TRUE(made) << made.error().message;
  }
  void limit_without_an_answer() {
    engine_->unanswered = {"update"};
    begin("p", R"({"pids": {"limit": 9}})");
    until([&] { return phase("p") == Phase::active; });
    engine_->unanswered.clear();
  }
  std::string state(const std::string& id) { return engine_->containers.at(id).container.state; }
  FaultRecord last() { return manager_->faults({})->front(); }
  std::ptrdiff_t count(const std::string& act) { return std::ranges::count(engine_->acts, act); }
  bool nothing_stored() { return store_->acts()->empty(); }
};

TEST_F(ContainerActsTest, APauseHoldsForItsWindowAndIsUndone) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"("pause")", R"(, "duration": 1)");
  until([&] { return phase("p") == Phase::active; });
  EXPECT_EQ(state(db), "paused");
  EXPECT_EQ(store_->acts()->front().state, store::ActState::held);
  EXPECT_EQ(manager_->policy("p")->targets.front().state, "active");
  EXPECT_TRUE(engine_->injector_ids().empty());
  until([&] { return state(db) == "running"; });
  until([&] { return nothing_stored(); });
  EXPECT_EQ(last().outcome, Outcome::completed);
  const auto down = measured_down(last().measured);
  ASSERT_TRUE(down) << last().measured;
  EXPECT_GE(*down, 500ms);
  EXPECT_LE(*down, 3s);
}

TEST_F(ContainerActsTest, RemovingThePolicyReturnsWhenItIsUndone) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("s", R"("stop")");
  until([&] { return phase("s") == Phase::active; });
  EXPECT_EQ(state(db), "exited");
  EXPECT_EQ(manager_->policy("s")->status.targets, 1U);
  ASSERT_TRUE(wait_for(manager_->remove_policy("s", true, std::nullopt)));
  EXPECT_EQ(state(db), "running");
  EXPECT_TRUE(nothing_stored());
}

TEST_F(ContainerActsTest, AHaltUndoesAtOnceAndNothingBeginsUntilItIsOver) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"({"pause": null, "pids": {"limit": 9}})");
  until([&] { return manager_->policy("p")->status.active == 2; });
  EXPECT_EQ(engine_->containers.at(db).more.limits.pids, 9);
  ASSERT_TRUE(wait_for(manager_->halt("enough")));
  EXPECT_EQ(state(db), "running");
  EXPECT_EQ(engine_->containers.at(db).more.limits.pids, -1);
  ASSERT_TRUE(manager_->resume());
  until([&] { return state(db) == "paused"; });
}

TEST_F(ContainerActsTest, WhatAHaltHasUndoneInDoubtIsDoneAgainAfterIt) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"({"pids": {"limit": 9}})");
  until([&] { return phase("p") == Phase::active; });
  stop_service();
  auto row = store_->acts()->front();
  row.state = store::ActState::intended;  // as if it was killed before the engine had answered
  ASSERT_TRUE(store_->put_act(row));
  start_service();
  until([&] { return phase("p") == Phase::active; });
  for (const bool restarted : {false, true}) {
    ASSERT_TRUE(wait_for(manager_->halt("enough")));
    EXPECT_EQ(engine_->containers.at(db).more.limits.pids, -1);
    EXPECT_FALSE(nothing_stored()) << "it is kept in doubt";
    if (restarted) stop_service();
    if (restarted) start_service();
    ASSERT_TRUE(manager_->resume());
    until([&] { return phase("p") == Phase::active; });
    EXPECT_EQ(engine_->containers.at(db).more.limits.pids, 9);
  }
  ASSERT_TRUE(wait_for(manager_->remove_policy("p", true, std::nullopt)));
  EXPECT_EQ(engine_->containers.at(db).more.limits.pids, -1);
}

TEST_F(ContainerActsTest, WhatWasUndoneAndNotSeenToBeIsDoneAgainByTheNextService) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"({"pids": {"limit": 9}})");
  until([&] { return phase("p") == Phase::active; });
  engine_->refuse["inspect"] = Error{ErrorCode::internal, "a storm", {}};
  std::optional<std::size_t> left;
  asio::co_spawn(io_, manager_->shut_down(100ms), [&](std::exception_ptr, std::size_t count) { left = count; });
  until([&] { return left.has_value(); });
  EXPECT_EQ(left, 1U);
  EXPECT_EQ(engine_->containers.at(db).more.limits.pids, -1);
  stop_service();
  start_service();
  until([&] { return phase("p") == Phase::active; });
  EXPECT_EQ(engine_->containers.at(db).more.limits.pids, 9);
}

TEST_F(ContainerActsTest, AHaltLooksAtWhatMayHaveBeenDoneLate) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  auto& pids = engine_->containers.at(db).more.limits.pids;
  limit_without_an_answer();
  ASSERT_TRUE(wait_for(manager_->halt("enough")));
  EXPECT_EQ(pids, -1);
  pids = 9;  // and no event tells
  ASSERT_TRUE(wait_for(manager_->halt("enough")));
  EXPECT_EQ(pids, -1);
  pids = 9;
  engine_->refuse["inspect"] = Error{ErrorCode::internal, "a storm", {}};
  const double passes = metric("entropy_reconcile_duration_seconds");
  std::optional<bool> halted;
  asio::co_spawn(io_, manager_->halt("enough"),
                 [&](std::exception_ptr, const Result<HaltView>& result) { halted = result.has_value(); });
  until([&] { return metric("entropy_reconcile_duration_seconds") > passes; });
  while (io_.poll() > 0) {
  }
  EXPECT_FALSE(halted) << "nobody has seen it";
  engine_->refuse.clear();
  until([&] { return halted.has_value(); });
  EXPECT_TRUE(halted.value_or(false));
  EXPECT_EQ(pids, -1);
}

TEST_F(ContainerActsTest, ALimitThatIsSetLateIsNobodyElses) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  auto& pids = engine_->containers.at(db).more.limits.pids;
  limit_without_an_answer();
  begin("q", R"({"pids": {"limit": 20}})");
  until([&] { return phase("q") == Phase::active; });
  ASSERT_TRUE(wait_for(manager_->remove_policy("p", true, std::nullopt)));
  EXPECT_EQ(pids, 20);
  pids = 9;
  engine_->repeat_event("update", db);
  until([&] { return pids == 20; });
  until([&] { return phase("q") == Phase::active; });
}

TEST_F(ContainerActsTest, AStopWithoutAnAnswerMayBeDoneAgainLate) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  engine_->unanswered = {"stop"};
  begin("s", R"("stop")");
  until([&] { return phase("s") == Phase::active; });
  ASSERT_TRUE(wait_for(manager_->stop_policy("s")));
  EXPECT_EQ(state(db), "running");
  EXPECT_FALSE(nothing_stored()) << "somebody else may have stopped it before";
  engine_->die(db);
  until([&] { return state(db) == "running"; });
}

TEST_F(ContainerActsTest, WhatComesLateAfterSomebodyHasUndoneItIsUndone) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  engine_->unanswered = {"pause"};
  begin("p", R"("pause")");
  until([&] { return phase("p") == Phase::active; });
  engine_->pause(db, false);
  until([&] { return phase("p") == Phase::armed; });
  engine_->pause(db, true);
  until([&] { return state(db) == "running"; });
  EXPECT_EQ(count(concat("pause ", db)), 1) << "what somebody has undone is not done again";
}

TEST_F(ContainerActsTest, AStartFromBeforeTheActIsNotTakenForTheWayBack) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"("stop")");
  until([&] { return phase("p") == Phase::active; });
  stop_service();
  auto row = store_->acts()->front();
  row.state = store::ActState::intended;  // in doubt
  ASSERT_TRUE(store_->put_act(row));
  start_service();
  until([&] { return phase("p") == Phase::active; });
  ASSERT_TRUE(wait_for(manager_->stop_policy("p")));
  EXPECT_FALSE(nothing_stored());
  begin("q", R"("stop")");  // of the start that brought it back
  until([&] { return phase("q") == Phase::active; });
  engine_->refuse["start"] = Error{ErrorCode::internal, "a storm", {}};
  std::optional<bool> removed;
  asio::co_spawn(io_, manager_->remove_policy("q", true, std::nullopt),
                 [&](std::exception_ptr, const Result<>& result) { removed = result.has_value(); });
  const auto is_being_undone = [](const auto& act) { return act.state == store::ActState::intended; };
  until([&] { return removed || std::ranges::any_of(*store_->acts(), is_being_undone); });  // once it was refused
  engine_->refuse.clear();
  until([&] { return removed.has_value(); });
  EXPECT_EQ(state(db), "running");
}

TEST_F(ContainerActsTest, AfterACrashTheNextServiceUndoesIt) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"("pause")", R"(, "duration": 2)");
  until([&] { return phase("p") == Phase::active; });
  stop_service();
  start_service();
  until([&] { return phase("p") == Phase::active; });
  EXPECT_EQ(state(db), "paused") << "the window holds yet";
  until([&] { return state(db) == "running"; });
  until([&] { return nothing_stored(); });
  EXPECT_EQ(manager_->faults({})->size(), 1U) << "it is one fault";
}

TEST_F(ContainerActsTest, TwoPoliciesPauseTogetherAndTheLastOneUndoes) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"("pause")");
  begin("q", R"("pause")");
  until([&] { return phase("p") == Phase::active && phase("q") == Phase::active; });
  ASSERT_TRUE(wait_for(manager_->remove_policy("p", true, std::nullopt)));
  EXPECT_EQ(state(db), "paused");
  ASSERT_TRUE(wait_for(manager_->remove_policy("q", true, std::nullopt)));
  EXPECT_EQ(state(db), "running");
  EXPECT_EQ(count(concat("pause ", db)), 1);
}

TEST_F(ContainerActsTest, OverlappingLimitsTheLeastHolds) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  auto& pids = engine_->containers.at(db).more.limits.pids;
  pids = 100;
  begin("p", R"({"pids": {"limit": 30}})");
  begin("q", R"({"pids": {"limit": 20}})");
  until([&] { return phase("p") == Phase::active && phase("q") == Phase::active; });
  until([&] { return pids == 20; });
  ASSERT_TRUE(wait_for(manager_->remove_policy("q", true, std::nullopt)));
  EXPECT_EQ(pids, 30);
  ASSERT_TRUE(wait_for(manager_->remove_policy("p", true, std::nullopt)));
  EXPECT_EQ(pids, 100);
}

TEST_F(ContainerActsTest, ALimitOfWhatDoesNotRunIsNotSaidToHold) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"({"pids": {"limit": 9}})");
  until([&] { return manager_->policy("p")->status.active == 1; });
  engine_->die(db);
  until([&] { return phase("p") == Phase::waiting; });
  EXPECT_EQ(manager_->policy("p")->status.active, 0U);
  engine_->restart(db);
  until([&] { return manager_->policy("p")->status.active == 1; });
}

TEST_F(ContainerActsTest, WhatSomebodyUndoesIsSaidAndNotFought) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"("pause")");
  until([&] { return phase("p") == Phase::active; });
  engine_->pause(db, false);
  until([&] { return phase("p") == Phase::armed; });
  EXPECT_THAT(last().message, HasSubstr("somebody has unpaused it"));
  EXPECT_EQ(count(concat("pause ", db)), 1);
}

TEST_F(ContainerActsTest, WhatOnlyALateEventDeniesHolds) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  begin("p", R"("pause")");
  until([&] { return phase("p") == Phase::active; });
  while (io_.poll() > 0) {
  }  // the pause's own events are seen to
  const double passes = metric("entropy_reconcile_duration_seconds");
  engine_->repeat_event("die", db);
  until([&] { return metric("entropy_reconcile_duration_seconds") >= passes + 2; });
  EXPECT_EQ(manager_->policy("p")->status.active, 1U);
  ASSERT_TRUE(wait_for(manager_->remove_policy("p", true, std::nullopt)));
  EXPECT_EQ(state(db), "running");
}

TEST_F(ContainerActsTest, DoubtOutlivesAServiceAndAClockThatIsSet) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  auto& pids = engine_->containers.at(db).more.limits.pids;
  begin("p", R"({"pids": {"limit": 9}})");
  until([&] { return phase("p") == Phase::active; });
  store::ActRecord row = store_->acts()->front();
  ASSERT_TRUE(wait_for(manager_->remove_policy("p", true, std::nullopt)));
  EXPECT_EQ(pids, -1);
  stop_service();
  row.state = store::ActState::over;
  row.done = clock_.now() - 1h;  // a former service was in doubt until then
  row.id = 0;
  ASSERT_TRUE(store_->put_act(row));
  kept_.at(db).more.limits.pids = 9;  // done late
  start_service();
  until([&] { return engine_->containers.at(db).more.limits.pids == -1; });
}

TEST_F(ContainerActsTest, AKillHappensOnceAndItsRestartPolicyHolds) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  engine_->containers.at(db).more.restart = {"always", 0};
  begin("k", R"("kill")");
  until([&] { return state(db) == "exited"; });
  until([&] { return state(db) == "running"; });
  until([&] { return !manager_->faults({})->empty() && last().outcome == Outcome::completed; });
  EXPECT_THAT(last().message, HasSubstr("as its restart policy always says"));
  stop_service();
  start_service();
  until([&] { return phase("k") == Phase::armed; });
  EXPECT_EQ(count(concat("kill SIGKILL ", db)), 0) << "of the new service's engine";
  EXPECT_EQ(state(db), "running");
}

TEST_F(ContainerActsTest, AKilledTargetIsDownUntilItsHealthcheckIsWell) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  engine_->containers.at(db).container.health = "healthy";
  begin("k", R"("kill")");
  until([&] { return phase("k") == Phase::active; });
  engine_->containers.at(db).container.health = "starting";
  engine_->restart(db);
  until([&] { return state(db) == "running"; });
  EXPECT_EQ(phase("k"), Phase::active);
  engine_->set_health(db, "healthy");
  until([&] { return phase("k") == Phase::armed; });
  EXPECT_THAT(last().message, HasSubstr("somebody started it again"));
}

TEST_F(ContainerActsTest, AKillWhoseAnswerIsLostIsNotRepeated) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  engine_->unanswered = {"kill"};
  begin("k", R"("kill")");
  until([&] { return phase("k") == Phase::active; });
  EXPECT_EQ(count(concat("kill SIGKILL ", db)), 1);
}

TEST_F(ContainerActsTest, AnEngineThatRefusesIsSaidAndTriedAgain) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  engine_->refuse["pause"] = Error{ErrorCode::internal, "the freezer is broken", {}};
  begin("p", R"("pause")");
  until([&] { return phase("p") == Phase::degraded; });
  EXPECT_THAT(manager_->policy("p")->status.message, HasSubstr("the freezer is broken"));
  EXPECT_EQ(last().outcome, Outcome::failed);
  EXPECT_TRUE(nothing_stored());
  engine_->refuse.clear();
  until([&] { return state(db) == "paused"; });
}

TEST_F(ContainerActsTest, LessMemoryThanItUsesIsRefusedUnlessForced) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  engine_->usage.memory = 100 << 20;
  begin("m", R"({"memory": {"limit": "64MiB"}})");
  until([&] { return phase("m") == Phase::degraded; });
  EXPECT_THAT(manager_->policy("m")->status.message, HasSubstr("it uses 100 MiB of memory"));
  EXPECT_EQ(engine_->containers.at(db).more.limits.memory, 0);
  begin("f", R"({"memory": {"limit": "64MiB", "force": true}})");
  until([&] { return phase("f") == Phase::active; });
}

TEST_F(ContainerActsTest, SomebodyElsesPauseAndWhatCannotBeStartedAgainAreLeftAlone) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  engine_->pause(db, true);
  begin("p", R"("pause")");
  until([&] { return phase("p") == Phase::degraded; });
  ASSERT_TRUE(wait_for(manager_->remove_policy("p", true, std::nullopt)));
  EXPECT_EQ(state(db), "paused");
  engine_->pause(db, false);
  engine_->containers.at(db).more.auto_remove = true;
  begin("s", R"("stop")");
  until([&] { return phase("s") == Phase::degraded; });
  EXPECT_THAT(manager_->policy("s")->status.message, HasSubstr("--rm"));
}

TEST_F(ContainerActsTest, ShuttingDownUndoesEverything) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  const auto other = engine_->run_container("other", {{"service", "db"}});
  begin("s", R"("stop")");
  until([&] { return manager_->policy("s")->status.active == 2; });
  std::optional<std::size_t> left;
  asio::co_spawn(io_, manager_->shut_down(5s), [&](std::exception_ptr, std::size_t count) { left = count; });
  until([&] { return left.has_value(); });
  EXPECT_EQ(left, 0U);
  EXPECT_EQ(state(db), "running");
  EXPECT_EQ(state(other), "running");
}

TEST_F(ContainerActsTest, NetworkFailuresOnTheSameTargetGoOn) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  begin("p", R"("pause")");
  until([&] { return phase("p") == Phase::active; });
  EXPECT_EQ(phase("cut"), Phase::active);
  for (const auto& id : engine_->injector_ids()) EXPECT_EQ(state(id), "running");
  ASSERT_TRUE(wait_for(manager_->remove_policy("p", true, std::nullopt)));
  begin("s", R"("stop")");
  until([&] { return phase("s") == Phase::active; });
  until([&] { return engine_->injector_ids().empty(); });
  ASSERT_TRUE(wait_for(manager_->remove_policy("s", true, std::nullopt)));
  until([&] { return phase("cut") == Phase::active; });
  EXPECT_EQ(state(db), "running");
}

TEST_F(ContainerActsTest, WhatItHasStoppedIsForeseenYet) {
  engine_->run_container("db", {{"service", "db"}});
  begin("s", R"("stop")", R"(, "frequency": "1m", "duration": "30s")");
  until([&] { return phase("s") == Phase::active; });
  until([&] { return manager_->targets(std::nullopt, {}).empty(); });
  const auto rows = manager_->forecast("s", clock_.now() + 10min);
  EXPECT_GE(rows.size(), 10U);
  for (const auto& row : rows) EXPECT_EQ(row.target, "db");
}

TEST_F(ContainerActsTest, EveryFailureThatIsRefusedIsInTheHistory) {
  engine_->run_container("db", {{"service", "db"}});
  engine_->refuse["update"] = Error{ErrorCode::internal, "no such cgroup", {}};
  begin("p", R"({"cpu": {"limit": 0.1}, "pids": {"limit": 9}})");
  std::set<std::string> failures;
  until([&] { return phase("p") == Phase::degraded; });
  until([&] {
    for (const auto& row : *manager_->faults({})) failures.insert(row.failure);
    return failures.size() == 2;
  });
  EXPECT_EQ(manager_->faults({})->size(), 2U) << "once in each window";
}

TEST_F(ContainerActsTest, NothingIsKeptOfContainersThatAreGone) {
  FollowedEngine followed(io_, timing_, clock_, *store_);
  ContainerActs acts({timing_, clock_, followed.journal, *store_, followed.endpoints, [] {}});
  const auto db = followed.engine->run_container("db", {});
  followed.engine->refuse["pause"] = Error{ErrorCode::internal, "the freezer is broken", {}};
  until([&] { return followed.shows(db); });
  ActPlan planned;
  planned.steps[{"e", db}] = {
      BeginAct{{"e", db, "db", failure::Pause{}, {"p", "db", "pause", 0, clock_.now(), policy::never}}}};
  acts.start(planned);
  const auto troubles = [&] {
    policy::Record record;
    record.policy.name = "p";
    acts.look({record});
    Observed observed;
    acts.observe(observed);
    return observed.act_troubles.size();
  };
  until([&] { return troubles() == 1; });
  followed.engine->destroy(db);
  until([&] { return !followed.endpoints.front()->may_have(db); });
  EXPECT_EQ(troubles(), 0U);
}

}  // namespace
}  // namespace entropy::control
