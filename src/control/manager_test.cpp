#include "control/manager_fixture.hpp"

namespace entropy::control {
namespace {

using testing::HasSubstr;

TEST_F(ManagerTest, APolicyBecomesActiveOnCurrentAndFutureContainers) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  EXPECT_EQ(engine_->injector_ids().size(), 1U);
  engine_->run_container("db2", {{"service", "db"}});
  until([&] { return manager_->policy("cut")->status.active == 2; });
  EXPECT_EQ(engine_->injector_ids().size(), 2U);
}

TEST_F(ManagerTest, ARestartedTargetIsServedAnew) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  const auto before = engine_->injector_ids();
  engine_->restart(db);
  until([&] { return engine_->injector_ids() != before && engine_->injector_ids().size() == 1; });
  until([&] { return phase("cut") == Phase::active; });
}

TEST_F(ManagerTest, AKilledInjectorIsReplacedAndItsFaultEnds) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  const auto before = engine_->injector_ids();
  engine_->destroy(before.front());
  until([&] { return engine_->injector_ids().size() == 1 && engine_->injector_ids() != before; });
  until([&] { return phase("cut") == Phase::active; });
  until([&] { return manager_->faults({})->size() == 2; });
  EXPECT_EQ(manager_->faults({})->back().outcome, Outcome::cut_short);
}

TEST_F(ManagerTest, RemovingReturnsWhenAllIsClean) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  ASSERT_TRUE(wait_for(manager_->remove_policy("cut", true, std::nullopt)));
  EXPECT_FALSE(manager_->policy("cut"));
  EXPECT_TRUE(store_->policies()->empty());
  until([&] { return engine_->injector_ids().empty(); });
}

TEST_F(ManagerTest, ARemovalThatCannotBeVerifiedKeepsThePolicyStopped) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  engine_->break_down("the engine is away");
  until([&] { return !manager_->endpoints().front().up; });
  const auto removed = wait_for(manager_->remove_policy("cut", true, std::nullopt));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::unavailable);
  EXPECT_EQ(phase("cut"), Phase::stopped);
}

TEST_F(ManagerTest, ARemovalThatNobodyWaitsForGoesOnOnceTheEngineIsBack) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  engine_->break_down("gone");
  until([&] { return !manager_->endpoints().front().up; });
  ASSERT_TRUE(wait_for(manager_->remove_policy("cut", false, std::nullopt)));
  until([&] { return phase("cut") == Phase::stopped; });
  engine_->broken.clear();
  until([&] { return !manager_->policy("cut"); });
}

TEST_F(ManagerTest, EventsSayWhoAndWhatCameAndWent) {
  const std::string id = engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db"), {"token", "here"}));
  until([&] { return phase("cut") == Phase::active; });
  engine_->destroy(id);
  until([&] { return phase("cut") == Phase::waiting; });
  engine_->break_down("gone");
  until([&] { return !manager_->endpoints().front().up; });
  const auto told = [&](std::string_view type) {
    const auto events = manager_->recent_events();
    const auto found = std::ranges::find(events, type, &Event::type);
    return found == events.end() ? Event{} : *found;
  };
  EXPECT_EQ(told("policy.created").data, (boost::json::object{{"by", "token"}, {"from", "here"}}));
  EXPECT_EQ(told("endpoint.connected").endpoint, "fake");
  EXPECT_EQ(told("target.added").policy, "cut");
  until([&] { return told("target.removed").target == "db"; });
  until([&] { return told("endpoint.lost").data.contains("message"); });
}

TEST_F(ManagerTest, HaltIsVerifiedAndRefusesStarts) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  ASSERT_TRUE(wait_for(manager_->halt("stop it")));
  EXPECT_EQ(phase("cut"), Phase::halted);
  EXPECT_EQ(manager_->policy("cut")->status.active, 0U);
  EXPECT_EQ(manager_->create_policy(partition("more", "service=db")).error().code, ErrorCode::conflict);
  EXPECT_EQ(manager_->start_policy("cut").error().code, ErrorCode::conflict);
  ASSERT_TRUE(manager_->resume());
  until([&] { return phase("cut") == Phase::active; });
}

TEST_F(ManagerTest, ASilentInjectorIsReplaced) {
  restart_service(2min);  // no renewal comes in between, which it would answer
  engine_->injectors_answer = false;
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] {
    const auto ids = engine_->injector_ids();
    if (ids.size() != 1) return false;
    const auto& injector = engine_->containers.at(ids.front());
    return injector.container.state == "running" && injector.commands.size() == 2;  // lease and program
  });
  const auto before = engine_->injector_ids();
  EXPECT_NE(phase("cut"), Phase::active);
  engine_->injectors_answer = true;
  until([&] { return engine_->injector_ids().size() == 1 && engine_->injector_ids() != before; }, 10s);
  until([&] { return phase("cut") == Phase::active; });
}

TEST_F(ManagerTest, ASilentInjectorThatTheEngineDoesNotRemoveAtOnceIsNotAskedAgain) {
  restart_service(2min);
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  engine_->injectors_answer = false;
  engine_->refuse["remove"] = Error{ErrorCode::internal, "it is busy", {}};
  ASSERT_TRUE(wait_for(manager_->remove_policy("cut", false, std::nullopt)));
  until([&] { return manager_->injectors().front().state != InjectorState::running; });
  engine_->refuse.clear();
  until([&] { return engine_->injector_ids().empty(); }, 2s);
}

TEST_F(ManagerTest, AnEngineThatRefusesDegradesThePolicyAndIsTriedAgain) {
  engine_->refuse["create"] = Error{ErrorCode::internal, "no space left on device", {}};
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::degraded; });
  EXPECT_THAT(manager_->policy("cut")->status.message, HasSubstr("no space left"));
  engine_->refuse.clear();
  until([&] { return phase("cut") == Phase::active; });
}

TEST_F(ManagerTest, ANameTakenByAStrangerIsSaid) {
  engine_->run_container("entropy-db", {});
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::degraded; });
  EXPECT_THAT(manager_->policy("cut")->status.message, HasSubstr("taken by a container that is not ours"));
}

TEST_F(ManagerTest, TakenNamesAndOldRevisionsAreRefused) {
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  EXPECT_EQ(manager_->create_policy(partition("cut", "service=web")).error().code, ErrorCode::conflict);
  EXPECT_EQ(manager_->put_policy("cut", partition("cut", "a"), 7).error().code, ErrorCode::precondition);
  const auto put = manager_->put_policy("cut", partition("cut", "a"), 1);
  ASSERT_TRUE(put);
  EXPECT_FALSE(put->created);
  EXPECT_EQ(put->view.record.revision, 2U);
  EXPECT_EQ(manager_->put_policy("other", partition("cut", "a"), {}).error().code, ErrorCode::invalid);
}

TEST_F(ManagerTest, AnUpdateKeepsEpochAndSeed) {
  const auto created = manager_->create_policy(draft(R"({"name": "p", "selector": "a", "failure": "partition"})"));
  const auto put = manager_->put_policy("p", draft(R"({"selector": "a", "failure": "partition", "probability": 0.5})"),
                                        std::nullopt);
  EXPECT_EQ(put->view.record.policy.schedule.seed, created->record.policy.schedule.seed);
  EXPECT_EQ(put->view.record.policy.schedule.epoch, created->record.policy.schedule.epoch);
  const auto faster = manager_->put_policy(
      "p", draft(R"({"selector": "a", "failure": "partition", "frequency": "10s"})"), std::nullopt);
  EXPECT_GT(faster->view.record.policy.schedule.epoch, created->record.policy.schedule.epoch);
}

TEST_F(ManagerTest, LabelsOfASwarmServiceCountForItsContainers) {
  engine_->put_service({"s1", "shop_db", {{"tier", "gold"}}});
  engine_->run_task("s1", "shop_db.1.aaa");
  engine_->run_task("s1", "shop_db.2.bbb");
  ASSERT_TRUE(manager_->create_policy(partition("cut", "tier=gold,@service=shop_db")));
  until([&] { return manager_->policy("cut")->status.active == 2; });
  const auto endpoint = manager_->endpoints().front();
  EXPECT_EQ(endpoint.swarm, "manager");
  EXPECT_EQ(endpoint.services, 1U);
  EXPECT_EQ(manager_->policy("cut")->targets.front().service, "shop_db");
  engine_->put_service({"s1", "shop_db", {{"tier", "silver"}}});
  until([&] { return phase("cut") == Phase::waiting && engine_->injector_ids().empty(); });
}

TEST_F(ManagerTest, AServiceProtectsItsContainersToTheLast) {
  engine_->put_service({"s1", "db", {{"entropy.protect", "true"}}});
  const auto task = engine_->run_task("s1", "db.1.aaa");
  const auto other = engine_->run_container("other", {});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "@name=*")));
  until([&] { return manager_->policy("cut")->status.active == 1; });
  engine_->remove_service("s1");
  engine_->run_container("later", {});
  until([&] { return manager_->policy("cut")->status.active == 2; });
  EXPECT_EQ(manager_->endpoints().front().services, 1U);
  engine_->destroy(task);
  engine_->become(engine_->swarm);
  until([&] { return manager_->endpoints().front().services == 0; });
}

TEST_F(ManagerTest, TasksOfOneSlotHoldAFaultEach) {
  engine_->put_service({"s1", "web", {}});
  const auto old_task = engine_->run_task("s1", "web.1.aaa");
  ASSERT_TRUE(manager_->create_policy(partition("cut", "@service=web")));
  until([&] { return manager_->policy("cut")->status.active == 1; });
  engine_->run_task("s1", "web.1.bbb");
  until([&] { return manager_->policy("cut")->status.active == 2; });
  ASSERT_TRUE(manager_->create_policy(partition("also", "@service=web")));  // both report anew
  until([&] { return manager_->policy("also")->status.active == 2; });
  FaultQuery query;
  query.policy = "cut";
  ASSERT_EQ(manager_->faults(query)->size(), 2U);
  EXPECT_EQ(manager_->faults(query)->front().target, "web.1");
  EXPECT_EQ(manager_->faults(query)->back().outcome, Outcome::active);
  engine_->destroy(old_task);
  until([&] { return manager_->faults(query)->back().outcome == Outcome::cut_short; });
  EXPECT_EQ(manager_->faults(query)->front().outcome, Outcome::active);
  stop_service();  // what a restart of it finds open is claimed by the injector that holds it
  start_service();
  until([&] { return phase("cut") == Phase::active; });
  EXPECT_EQ(manager_->faults(query)->size(), 2U);
}

TEST_F(ManagerTest, AWorkerOfASwarmSaysWhatItCannotTell) {
  engine_->become({"active", false, "node2", {"node1"}});
  until([&] { return manager_->endpoints().front().swarm == "worker"; });
  EXPECT_THAT(manager_->endpoints().front().message, HasSubstr("can't tell the labels of services"));
  engine_->refuse["services"] = Error{ErrorCode::unavailable, "no quorum", {}};
  engine_->become({"active", true, "node2", {"node1", "node2"}});
  until(
      [&] { return manager_->endpoints().front().message == "the labels of services may be out of date: no quorum"; });
}

TEST_F(ManagerTest, StoppedPoliciesTouchNothing) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(
      draft(R"({"name": "p", "selector": "service=db", "failure": "partition", "state": "stopped"})")));
  EXPECT_EQ(phase("p"), Phase::stopped);
  ASSERT_TRUE(manager_->start_policy("p"));
  until([&] { return phase("p") == Phase::active; });
  ASSERT_TRUE(wait_for(manager_->stop_policy("p")));
  EXPECT_EQ(phase("p"), Phase::stopped);
  until([&] { return engine_->injector_ids().empty(); });
}

TEST_F(ManagerTest, ShuttingDownLeavesNothing) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  std::optional<std::size_t> left;
  asio::co_spawn(io_, manager_->shut_down(5s), [&](std::exception_ptr, std::size_t value) { left = value; });
  until([&] { return left.has_value(); });
  EXPECT_EQ(left, 0U);
  EXPECT_TRUE(engine_->injector_ids().empty());
}

TEST_F(ManagerTest, AnInjectorThatIsBeingMadeIsNotLeftByShuttingDown) {
  engine_->run_container("db", {{"service", "db"}});
  engine_->creating_takes = 300ms;
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return engine_->creations > 0; });
  std::optional<std::size_t> left;
  asio::co_spawn(io_, manager_->shut_down(5s), [&](std::exception_ptr, std::size_t value) { left = value; });
  until([&] { return left.has_value(); });
  EXPECT_EQ(left, 0U);
  EXPECT_TRUE(engine_->injector_ids().empty());
}

TEST_F(ManagerTest, AnInjectorThatALostEngineMayHaveMadeIsLeft) {
  engine_->run_container("db", {{"service", "db"}});
  engine_->creating_takes = 100ms;
  engine_->unanswered = {"create"};
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return engine_->creations > 0; });
  engine_->break_down("away");
  until([&] { return !engine_->injector_ids().empty(); });
  std::optional<std::size_t> left;
  asio::co_spawn(io_, manager_->shut_down(1s), [&](std::exception_ptr, std::size_t value) { left = value; });
  until([&] { return left.has_value(); });
  EXPECT_EQ(left, 1U);
}

TEST_F(ManagerTest, EventsAreReplayedAfterAnId) {
  std::vector<std::uint64_t> ids;
  const auto first = manager_->subscribe(0, [&](const Event& event) { ids.push_back(event.id); });
  ASSERT_TRUE(manager_->create_policy(partition("a", "x")));
  ASSERT_TRUE(manager_->create_policy(partition("b", "x")));
  ASSERT_EQ(ids.size(), 2U);
  std::vector<std::string> replayed;
  const auto second = manager_->subscribe(ids[0], [&](const Event& event) { replayed.push_back(event.policy); });
  EXPECT_THAT(replayed, testing::ElementsAre("b"));
  EXPECT_EQ(manager_->subscribe(1, [](const Event&) {}), nullptr);
}

TEST_F(ManagerTest, TargetsSayWhichFailuresTheyAllow) {
  engine_->run_container("db", {{"service", "db"}, {"entropy.allow", "delay, loss"}});
  until([&] { return manager_->targets(std::nullopt, {}).size() == 1; });
  const auto with = [&](std::vector<std::string> failures) {
    return manager_->targets(*policy::Selector::parse("service=db"), failures).front();
  };
  EXPECT_TRUE(with({"latency", "loss"}).matched);
  EXPECT_EQ(with({}).reason, "for delay, loss alone (its label entropy.allow)");
  EXPECT_FALSE(with({"partition"}).matched);
  EXPECT_EQ(with({"partition"}).reason, "it does not allow partition (its label entropy.allow=delay, loss)");
}

TEST_F(ManagerTest, PreviewTouchesNothing) {
  engine_->run_container("db", {{"service", "db"}});
  engine_->run_container("safe", {{"service", "db"}, {"entropy.protect", "true"}});
  until([&] { return manager_->targets(std::nullopt, {}).size() == 2; });
  const auto preview =
      manager_->preview(draft(R"({"selector": "service=db", "failure": "partition", "frequency": 10})"));
  ASSERT_TRUE(preview);
  EXPECT_EQ(preview->matched.size(), 1U);
  EXPECT_EQ(preview->skipped.size(), 1U);
  EXPECT_EQ(preview->windows.size(), 5U);
  EXPECT_TRUE(engine_->injector_ids().empty());
}

TEST_F(ManagerTest, EveryInjectorsWayToReadinessIsMeasured) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  EXPECT_EQ(metric("entropy_inject_duration_seconds"), 1);
  ASSERT_TRUE(manager_->create_policy(partition("more", "service=db")));
  until([&] { return phase("more") == Phase::active; });
  EXPECT_EQ(metric("entropy_inject_duration_seconds"), 1) << "an injector was there";
  engine_->restart(db);
  until([&] { return metric("entropy_inject_duration_seconds") == 2; });
  EXPECT_GT(metric("entropy_reconcile_duration_seconds"), 2);
}

TEST_F(ManagerTest, AmongManyContainersABurstOfEventsTakesFewLooks) {
  for (int i = 0; i < 3'000; ++i) engine_->run_container(concat("other", i), {});
  const auto db = engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  const double before = metric("entropy_reconcile_duration_seconds");
  constexpr int restarts = 100;
  for (int i = 0; i < restarts; ++i) {
    engine_->restart(db);
    io_.run_for(5ms);
  }
  until([&] { return phase("cut") == Phase::active; });
  EXPECT_LT(metric("entropy_reconcile_duration_seconds") - before, restarts / 2);
}

TEST_F(ManagerTest, TheTimeUntilAnEngineGivesInBelongsToTheInjection) {
  engine_->refuse["create"] = Error{ErrorCode::internal, "no space left on device", {}};
  engine_->run_container("db", {{"service", "db"}});
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::degraded; });
  engine_->refuse.clear();
  until([&] { return metric("entropy_inject_duration_seconds") == 1; });
  const std::chrono::duration<double> all = std::chrono::steady_clock::now() - began;
  const double seen = fakes::metric_sum(manager_->metrics().collect(), "entropy_inject_duration_seconds");
  EXPECT_GT(seen, 0.45) << "it is tried again after half a second";
  EXPECT_LE(seen, all.count());
}

TEST_F(ManagerTest, RollbacksAreMeasuredWhereThereWasSomethingToRollBack) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  ASSERT_TRUE(manager_->create_policy(partition("idle", "service=nobody")));
  until([&] { return phase("cut") == Phase::active; });
  ASSERT_TRUE(wait_for(manager_->stop_policy("idle")));
  EXPECT_EQ(metric("entropy_rollback_duration_seconds"), 0);
  ASSERT_TRUE(wait_for(manager_->stop_policy("cut")));
  EXPECT_EQ(metric("entropy_rollback_duration_seconds"), 1);
  ASSERT_TRUE(wait_for(manager_->remove_policy("cut", true, std::nullopt)));
  EXPECT_EQ(metric("entropy_rollback_duration_seconds"), 1);
}

TEST_F(ManagerTest, AWindowHasOneOutcome) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(
      draft(R"({"name": "lucky", "selector": "service=db", "failure": "partition", "frequency": "100ms",
                "probability": 0})")));
  until([&] { return windows("lucky", "spared") >= 3; });
  engine_->refuse["create"] = Error{ErrorCode::internal, "no", {}};
  engine_->run_container("web", {{"service", "web"}});
  ASSERT_TRUE(
      manager_->create_policy(draft(R"({"name": "late", "selector": "service=web", "frequency": "100ms", "windows": 2,
                "failure": {"partition": null, "latency": {"delay": "1ms"}}})")));
  until([&] { return windows("late", "missed") == 2; });
  FaultQuery query;
  query.policy = "late";
  EXPECT_EQ(manager_->faults(query)->size(), 4U) << "the history has a row for each failure";
  EXPECT_EQ(windows("late", "hit"), 0);
  EXPECT_EQ(windows("late", "spared"), 0);
  EXPECT_EQ(windows("lucky", "hit"), 0);
}

TEST_F(ManagerTest, TwoTargetsInOneNetworkNamespaceHaveOneWindow) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  run_beside(db, "beside", {{"service", "db"}});
  until([&] { return manager_->targets(std::nullopt, {}).size() == 2; });
  ASSERT_TRUE(manager_->create_policy(
      draft(R"({"name": "once", "selector": "service=db", "failure": "partition", "duration": "1s"})")));
  ASSERT_TRUE(manager_->create_policy(
      draft(R"({"name": "after", "selector": "service=db", "failure": "partition", "delay": "1s",
                "duration": "100ms", "probability": 0})")));
  until([&] { return windows("after", "spared") > 0; });
  EXPECT_EQ(windows("once", "hit"), 1);
  EXPECT_EQ(windows("once", "missed"), 0);
  EXPECT_EQ(windows("after", "spared"), 1);
}

TEST_F(ManagerTest, TargetsInOneNetworkNamespaceFareAlike) {
  const auto db = engine_->run_container("db", {{"service", "db"}});
  run_beside(db, "beside", {{"service", "db"}});
  until([&] { return manager_->targets(std::nullopt, {}).size() == 2; });
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  until([&] { return phase("cut") == Phase::active; });
  const auto view = *manager_->policy("cut");
  EXPECT_EQ(std::ranges::count(view.targets, "active", &TargetState::state), 2);
  EXPECT_EQ(view.status.active, 1U) << "one fault disturbs both";
  EXPECT_EQ(manager_->info().active_faults, 1U);
  EXPECT_EQ(manager_->forecast("cut", clock_.now()).size(), 1U) << "and it is the one that is foreseen";
}

TEST_F(ManagerTest, AnOnlyWindowIsAccountedOnceEachTimeThatItIsStarted) {
  engine_->run_container("db", {{"service", "db"}});
  ASSERT_TRUE(manager_->create_policy(
      draft(R"({"name": "p", "selector": "service=db", "failure": "partition", "duration": "300ms",
                "probability": 0})")));
  until([&] { return windows("p", "spared") == 1; });
  ASSERT_TRUE(manager_->create_policy(partition("other", "service=nobody")));  // one pass more
  ASSERT_TRUE(manager_->start_policy("p"));
  until([&] { return windows("p", "spared") == 2; });
  const double passes = metric("entropy_reconcile_duration_seconds");
  ASSERT_TRUE(manager_->create_policy(partition("third", "service=nobody")));
  until([&] { return metric("entropy_reconcile_duration_seconds") > passes; });
  EXPECT_EQ(windows("p", "spared"), 2);
  EXPECT_EQ(windows("p", "missed"), 0);
}

TEST_F(ManagerTest, WhatADeadServiceLeftAndNobodyNeedsIsAnOrphan) {
  engine_->run_container("db", {{"service", "db"}});
  engine_->run_container("web", {{"service", "web"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=db")));
  ASSERT_TRUE(manager_->create_policy(partition("gone", "service=web")));
  until([&] { return engine_->injector_ids().size() == 2 && phase("cut") == Phase::active; });
  EXPECT_EQ(metric("entropy_orphans_removed_total"), 0);
  stop_service();
  ASSERT_TRUE(store_->remove_policy("gone"));
  start_service();
  until([&] { return engine_->injector_ids().size() == 1 && phase("cut") == Phase::active; });
  EXPECT_EQ(metric("entropy_orphans_removed_total"), 1);
  ASSERT_TRUE(wait_for(manager_->remove_policy("cut", true, std::nullopt)));
  until([&] { return engine_->injector_ids().empty(); });
  EXPECT_EQ(metric("entropy_orphans_removed_total"), 1) << "it was taken over and had work";
}

TEST_F(ManagerTest, AForecastOfMoreThanIsShownIsOfTheFirstWindowsOfAllTargets) {
  for (const auto* name : {"web-1", "web-2", "web-3"}) engine_->run_container(name, {{"service", "web"}});
  ASSERT_TRUE(manager_->create_policy(
      draft(R"({"name": "cut", "selector": "service=web", "failure": "partition", "frequency": "1s"})")));
  until([&] { return manager_->policy("cut")->status.targets == 3; });
  const auto rows = manager_->forecast("cut", clock_.now() + 1h);
  ASSERT_EQ(rows.size(), 1000U);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(rows, "web-3", &ForecastRow::target)), 333, 2);
  EXPECT_LE(rows.back().window.begin, clock_.now() + 340s);
}

}  // namespace
}  // namespace entropy::control
