// What a manager says of clocks, of windows that a former one has begun, and of a disk that is full.
#include <sqlite3.h>

#include "control/manager_fixture.hpp"

namespace entropy::control {
namespace {

using testing::HasSubstr;

class TruthfulManager : public ManagerTest {
 protected:
  std::uint64_t active(std::string_view name) { return manager_->policy(name)->status.active; }
  bool was_told(std::string_view type) {
    const auto events = manager_->recent_events();
    return std::ranges::find(events, type, &Event::type) != events.end();
  }
};

TEST_F(TruthfulManager, AClockThatJumpsIsSaidAndDisturbsNothing) {
  engine_->run_container("web", {{"service", "web"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return active("cut") == 1; });
  const auto before = engine_->injector_ids();
  clock_.jump(1h);
  ASSERT_TRUE(manager_->create_policy(partition("other", "service=none")));
  until([&] { return was_told("clock.jumped"); });
  EXPECT_EQ(engine_->injector_ids(), before);
  EXPECT_EQ(active("cut"), 1U);
}

TEST_F(TruthfulManager, AnEnginesClockThatDiffersDegradesItsPolicies) {
  engine_->run_container("web", {{"service", "web"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return active("cut") == 1; });
  engine_->clock_ahead = 5s;
  engine_->break_down("away");
  until([&] { return !manager_->endpoints().front().up; });
  engine_->broken.clear();
  until([&] { return manager_->endpoints().front().up && phase("cut") == Phase::degraded; });
  EXPECT_THAT(manager_->policy("cut")->status.message, HasSubstr("ahead of this service's"));
}

TEST_F(TruthfulManager, AHaltThatIsResumedBeforeItHasRolledBackSaysSo) {
  engine_->run_container("web", {{"service", "web"}});
  engine_->creating_takes = 300ms;
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return engine_->creations > 0; });
  std::optional<Result<HaltView>> halted;
  asio::co_spawn(io_, manager_->halt(""),
                 [&](std::exception_ptr, Result<HaltView> answer) { halted = std::move(answer); });
  until([&] { return manager_->halt_state().halted; });
  ASSERT_TRUE(manager_->resume());
  ASSERT_TRUE(wait_for(manager_->remove_policy("cut", false, std::nullopt)));
  until([&] { return halted.has_value(); });
  ASSERT_FALSE(*halted);
  EXPECT_EQ(halted->error().code, ErrorCode::conflict);
  EXPECT_THAT(halted->error().message, HasSubstr("resumed"));
}

TEST_F(TruthfulManager, AWindowThatAFormerServiceBeganIsNotMissedForAHalt) {
  engine_->run_container("web", {{"service", "web"}});
  ASSERT_TRUE(manager_->create_policy(draft(
      R"({"name": "cut", "selector": "service=web", "failure": "partition", "frequency": "1h", "duration": "2s"})")));
  until([&] { return active("cut") == 1; });
  EXPECT_EQ(windows("cut", "hit"), 1);
  const Time end = clock_.now() + 2s;
  stop_service();
  start_service();
  ASSERT_TRUE(wait_for(manager_->halt("")));
  until([&] { return clock_.now() > end + 1500ms; });
  const auto rows = *manager_->faults({});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].outcome, store::Outcome::cut_short);
  EXPECT_EQ(manager_->policy("cut")->status.missed, 0U);
  EXPECT_LE(windows("cut", "missed"), 0);
  EXPECT_LE(windows("cut", "hit"), 0) << "the former service has counted it";
}

// After the clock was set back.
TEST_F(TruthfulManager, AWindowThatComesAgainIsNotBothHitAndMissed) {
  Metrics metrics;
  Journal journal(*store_, clock_, metrics);
  const policy::Window window{3, Time(30s), Time(34s)};
  const program::Fault fault{"cut", "web", "partition", 3, Time(30s), Time(34s), Time(31s)};
  const auto miss = [&] { return journal.missed("fake", "cut", "web", "partition", window, "late"); };
  EXPECT_TRUE(miss());
  journal.started({"fake", "i1"}, {fault, ""});
  EXPECT_FALSE(miss());
  ASSERT_EQ(store_->faults({})->size(), 1U);
  EXPECT_EQ(store_->faults({})->front().outcome, store::Outcome::active);
  EXPECT_EQ(journal.missed_count("cut"), 1U) << "it was told of one";
}

TEST_F(TruthfulManager, WhatNobodyHearsOfEndsWithItsLease) {
  restart_service(1s);
  engine_->run_container("web", {{"service", "web"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return active("cut") == 1; });
  engine_->inspecting_takes = 1min;
  engine_->injectors_answer = false;
  until([&] { return manager_->faults({})->front().outcome == Outcome::cut_short; });
  EXPECT_EQ(active("cut"), 0U);
}

bool refuse_commits = false;
int on_commit(void*) { return refuse_commits ? 1 : 0; }
int prepare_connection(sqlite3* database, char**, const sqlite3_api_routines*) {
  sqlite3_commit_hook(database, on_commit, nullptr);
  return SQLITE_OK;
}

class WithoutADisk : public TruthfulManager {
 protected:
  WithoutADisk() {
    stop_service();
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(prepare_connection));
    store_ = *store::Store::open(":memory:");
    sqlite3_reset_auto_extension();
    start_service();
  }
  ~WithoutADisk() override { refuse_commits = false; }
};

TEST_F(WithoutADisk, WhatCannotBeStoredIsStoppedAllTheSame) {
  engine_->run_container("web", {{"service", "web"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return active("cut") == 1; });
  refuse_commits = true;
  EXPECT_FALSE(manager_->create_policy(partition("other", "service=web")));
  const auto stopped = wait_for(manager_->stop_policy("cut"));
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message, HasSubstr("not over a restart"));
  EXPECT_EQ(active("cut"), 0U);
  EXPECT_EQ(phase("cut"), Phase::stopped);
  EXPECT_THAT(manager_->info().message, HasSubstr("not kept"));
  refuse_commits = false;
  engine_->run_container("web-2", {{"service", "web"}});  // something happens
  until([&] { return !(*store_->policies())[0].policy.running; });
  EXPECT_EQ(manager_->info().message, "");
}

TEST_F(WithoutADisk, AnEndThatWasRefusedIsWrittenWhenThereIsRoom) {
  engine_->run_container("web", {{"service", "web"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return active("cut") == 1; });
  refuse_commits = true;
  ASSERT_FALSE(wait_for(manager_->stop_policy("cut")));
  ASSERT_EQ(store_->faults({})->front().outcome, store::Outcome::active);
  refuse_commits = false;
  ASSERT_TRUE(manager_->create_policy(partition("other", "service=web")));
  until([&] { return active("other") == 1; });
  EXPECT_EQ(store_->faults({})->back().outcome, store::Outcome::cut_short);
}

TEST_F(WithoutADisk, WhoStopsOnceMoreIsToldThatItIsNotStored) {
  engine_->run_container("web", {{"service", "web"}});
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return active("cut") == 1; });
  refuse_commits = true;
  ASSERT_FALSE(wait_for(manager_->stop_policy("cut")));
  EXPECT_FALSE(wait_for(manager_->stop_policy("cut"))) << "a restart would bring it back";
  EXPECT_FALSE(manager_->stop_policies({"cut"}));
  refuse_commits = false;
  EXPECT_TRUE(wait_for(manager_->stop_policy("cut")));
  EXPECT_FALSE((*store_->policies())[0].policy.running);
}

}  // namespace
}  // namespace entropy::control
