// What injectors did while the service, or the way to their engine, was away: told by their logs.
#include "control/manager_fixture.hpp"

namespace entropy::control {
namespace {

using store::Outcome;

class CatchingUp : public ManagerTest {
 protected:
  void hold(std::string_view timing, std::string_view phase_ = "active") {
    engine_->run_container("web", {{"service", "web"}});
    ASSERT_TRUE(manager_->create_policy(
        draft(concat(R"({"name": "cut", "selector": "service=web", "failure": "partition", )", timing, "}"))));
    until([&] { return to_string(phase("cut")) == phase_; });
  }
  std::vector<store::FaultRecord> rows(Outcome outcome) {
    store::FaultQuery query;
    query.limit = 1000;
    auto all = *manager_->faults(query);
    std::erase_if(all, [&](const auto& row) { return row.outcome != outcome; });
    return all;
  }
  // The first of it.
  std::optional<store::FaultRecord> row_of(std::uint64_t window) {
    store::FaultQuery query;
    query.limit = 1000;
    const auto all = *manager_->faults(query);
    const auto found = std::ranges::find(all.rbegin(), all.rend(), window, &store::FaultRecord::window);
    return found == all.rend() ? std::nullopt : std::optional(*found);
  }
  // An end as the injector logs it, a little late on both sides.
  static program::FaultEnded ended(const store::FaultRecord& row) {
    program::FaultEnded report;
    report.fault = {row.policy, row.target, row.failure, row.window, row.planned_start, *row.planned_end, {}};
    report.fault.started = row.started.value_or(row.planned_start + 3ms);
    report.ended = *row.planned_end + 2ms;
    report.measured.packets = 7;
    return report;
  }
  static store::FaultRecord later(store::FaultRecord row, std::uint64_t windows) {
    row.window += windows;
    row.planned_start += windows * Duration(1min);
    *row.planned_end += windows * Duration(1min);
    row.started = row.planned_start + 5ms;
    return row;
  }
  std::ptrdiff_t told(std::string_view type, std::uint64_t window) {
    const auto events = manager_->recent_events();
    return std::ranges::count_if(events, [&](const Event& event) {
      return event.type == type && event.data.at("window").to_number<std::uint64_t>() == window;
    });
  }
  void expect_as_told(const program::FaultEnded& report) {
    const auto row = row_of(report.fault.window);
    ASSERT_TRUE(row) << report.fault.window;
    EXPECT_EQ(row->outcome, Outcome::completed);
    EXPECT_EQ(row->started, report.fault.started);
    EXPECT_EQ(row->ended, report.ended);
    EXPECT_EQ(row->packets, 7U);
  }
};

TEST_F(CatchingUp, WindowsOfATimeWithoutAServiceAreInTheHistoryAsTheyWere) {
  hold(R"("frequency": "1m", "duration": "40s")");
  const auto open = rows(Outcome::active).at(0);
  const std::string injector = engine_->injector_ids().at(0);
  const std::vector reports = {ended(open), ended(later(open, 1)), ended(later(open, 2))};
  for (const auto& report : reports) {
    engine_->say(injector, program::FaultStarted{report.fault, ""});
    engine_->say(injector, report);
  }
  stop_service();
  start_service();
  until([&] { return rows(Outcome::completed).size() == 3; });
  for (const auto& report : reports) {
    expect_as_told(report);
    EXPECT_EQ(told("fault.ended", report.fault.window), 1);
    EXPECT_EQ(told("fault.started", report.fault.window), 0);
  }
  EXPECT_TRUE(rows(Outcome::missed).empty());
  EXPECT_EQ(manager_->policy("cut")->status.missed, 0U);
  EXPECT_EQ(engine_->injector_ids(), std::vector{injector});
}

TEST_F(CatchingUp, WindowsThatWereMissedBehindALostEngineAreMissedNoMore) {
  hold(R"("frequency": "300ms", "duration": "100ms")");
  const std::string injector = engine_->injector_ids().at(0);
  engine_->break_down("away");
  engine_->cut_streams();
  until([&] { return manager_->policy("cut")->status.missed >= 2; });
  const auto missed = rows(Outcome::missed);
  for (const auto& row : missed) engine_->say(injector, ended(row));
  const auto last = missed.front().window;
  EXPECT_EQ(missed.front().message, "unreachable");
  engine_->broken.clear();
  const auto is_heard = [&] {
    return std::ranges::all_of(missed, [&](const auto& row) { return row_of(row.window)->outcome != Outcome::missed; });
  };
  until(is_heard);
  for (const auto& row : missed) expect_as_told(ended(row));
  const auto later_ones = rows(Outcome::missed);
  EXPECT_TRUE(std::ranges::all_of(later_ones, [&](const auto& row) { return row.window > last; }));
  EXPECT_EQ(manager_->policy("cut")->status.missed, later_ones.size());
  EXPECT_EQ(engine_->injector_ids(), std::vector{injector});
}

TEST_F(CatchingUp, WhatNobodyHoldsAnyMoreIsOverBeforeItsSuccessorBegins) {
  hold(R"("duration": "1h")");
  const std::string injector = engine_->injector_ids().at(0);
  stop_service();
  kept_.erase(injector);
  start_service();
  until([&] { return rows(Outcome::active).size() == 1 && rows(Outcome::cut_short).size() == 1; }, 5s);
  const auto before = rows(Outcome::cut_short).at(0);
  const auto after = rows(Outcome::active).at(0);
  EXPECT_LE(*before.started, *before.ended);
  EXPECT_LE(*before.ended, *after.started);
}

TEST_F(CatchingUp, WhatIsReadTwiceIsToldOnce) {
  hold(R"("frequency": "1m", "duration": "40s")");
  const auto open = rows(Outcome::active).at(0);
  const std::string injector = engine_->injector_ids().at(0);
  const auto first = ended(later(open, 1));
  program::FaultFailed failed{first.fault, "refused"};
  failed.fault.window += 1;
  failed.fault.planned_start += 1min;
  failed.fault.planned_end += 1min;
  failed.fault.started = {};
  engine_->say(injector, first);
  engine_->say(injector, failed);
  for (int time = 1; time <= 3; ++time) {
    const auto news = ended(later(open, 10 + static_cast<std::uint64_t>(time)));
    engine_->say(injector, news);
    engine_->cut_streams();
    until([&] { return row_of(news.fault.window).has_value(); });
    EXPECT_EQ(told("fault.ended", first.fault.window), 1);
    EXPECT_EQ(told("fault.failed", failed.fault.window), 1);
    EXPECT_EQ(rows(Outcome::completed).size(), 1U + static_cast<std::size_t>(time));
    EXPECT_EQ(rows(Outcome::failed).size(), 1U);
  }
  until([&] { return phase("cut") == Phase::active; });
  EXPECT_EQ(rows(Outcome::active), std::vector{open}) << "what holds is not touched";
}

TEST_F(CatchingUp, ALogThatCannotBeReadAtOnceIsReadLater) {
  hold(R"("frequency": "1m", "duration": "40s")");
  const auto report = ended(later(rows(Outcome::active).at(0), 1));
  engine_->say(engine_->injector_ids().at(0), report);
  engine_->refuse["logs"] = {ErrorCode::unavailable, "the connection was cut", {}};
  engine_->cut_streams();
  until([&] { return engine_->asked["logs"] > 0; });
  until([&] { return phase("cut") == Phase::active; });
  engine_->refuse.clear();
  until([&] { return row_of(report.fault.window).has_value(); });
  expect_as_told(report);
}

TEST_F(CatchingUp, NoWindowIsMissedBeforeItsInjectorIsHeardOut) {
  hold(R"("frequency": "300ms", "duration": "100ms")");
  const std::string injector = engine_->injector_ids().at(0);
  until([&] { return !rows(Outcome::missed).empty(); });
  engine_->refuse["logs"] = {ErrorCode::unavailable, "the connection was cut", {}};
  engine_->cut_streams();
  until([&] { return engine_->asked["logs"] > 0; });
  const auto before = rows(Outcome::missed);
  const Time end = clock_.now() + 2s;
  until([&] { return clock_.now() > end; });
  EXPECT_EQ(rows(Outcome::missed), before);
  std::vector<program::FaultEnded> reports;
  for (auto row = before.front(); reports.size() < 3;) {
    ++row.window;
    row.planned_start += 300ms;
    *row.planned_end += 300ms;
    engine_->say(injector, reports.emplace_back(ended(row)));
  }
  engine_->refuse.clear();
  until([&] { return row_of(reports.back().fault.window).has_value(); });
  for (const auto& report : reports) {
    expect_as_told(report);
    EXPECT_EQ(told("fault.missed", report.fault.window), 0);
  }
}

TEST_F(CatchingUp, ALogThatCannotBeReadChangesNothing) {
  hold(R"("frequency": "1m", "duration": "40s")");
  const auto before = engine_->injector_ids();
  engine_->refuse["logs"] = {ErrorCode::unsupported, "configured logging driver does not support reading", {}};
  engine_->cut_streams();
  until([&] { return engine_->asked["logs"] > 0; });
  until([&] { return phase("cut") == Phase::active; });
  EXPECT_EQ(engine_->injector_ids(), before);
  EXPECT_EQ(rows(Outcome::active).size(), 1U);
}

TEST_F(CatchingUp, WhatAFrozenInjectorSaidBeforeIsHeard) {
  hold(R"("frequency": "1m", "duration": "40s")");
  const auto open = rows(Outcome::active).at(0);
  const std::string injector = engine_->injector_ids().at(0);
  auto before = ended(open);
  before.ended = *open.started;
  const auto unheard = ended(later(open, 1));
  engine_->say(injector, before);
  engine_->say(injector, unheard);
  engine_->say(injector, program::FaultStarted{ended(later(open, 2)).fault, ""});
  engine_->pause(injector, true);
  until([&] { return !engine_->containers.contains(injector) && phase("cut") == Phase::active; });
  expect_as_told(before);
  expect_as_told(unheard);
  const auto untold = row_of(open.window + 2);
  ASSERT_TRUE(untold);
  EXPECT_EQ(untold->outcome, Outcome::cut_short);
  EXPECT_EQ(untold->message, frozen_end);
}

TEST_F(CatchingUp, AnInjectorThatTheEngineGivesNoAnswerAboutIsKept) {
  hold(R"("frequency": "1m", "duration": "40s")");
  const auto before = engine_->injector_ids();
  engine_->refuse["attach"] = {ErrorCode::unavailable, "the connection was cut", {}};
  const int asked = engine_->asked["attach"];
  engine_->cut_streams();
  until([&] { return engine_->asked["attach"] >= asked + 2; });
  EXPECT_EQ(engine_->injector_ids(), before);
  engine_->refuse.clear();
  until([&] { return phase("cut") == Phase::active; });
  EXPECT_EQ(engine_->injector_ids(), before);
  EXPECT_EQ(rows(Outcome::active).size(), 1U);
}

TEST_F(CatchingUp, AnInjectorThatTheEngineRefusesToAttachToIsReplacedAndHeardBefore) {
  hold(R"("frequency": "1m", "duration": "40s")");
  const auto before = engine_->injector_ids();
  const auto unheard = ended(later(rows(Outcome::active).at(0), 1));
  engine_->say(before.at(0), unheard);
  engine_->refuse["attach"] = {ErrorCode::conflict, "it can't be attached to", {}};
  const int asked = engine_->asked["attach"];
  engine_->cut_streams();
  until([&] { return engine_->asked["attach"] > asked; });
  engine_->refuse.clear();
  until([&] { return engine_->injector_ids() != before && phase("cut") == Phase::active; });
  expect_as_told(unheard);
}

class BehindASilentEngine : public CatchingUp {
 protected:
  BehindASilentEngine() {
    restart_service(3s);
    hold(R"("frequency": "1m", "duration": "40s")");
    before_ = engine_->injector_ids();
    engine_->injectors_answer = false;
    engine_->refuse["inspect"] = {ErrorCode::timeout, "no answer in time", {}};
    const int asked = engine_->asked["inspect"];
    until([&] { return engine_->asked["inspect"] > asked; }, 10s);
    engine_->refuse.clear();
  }
  std::vector<std::string> before_;
};

TEST_F(BehindASilentEngine, AnInjectorIsAskedOnceMore) {
  engine_->injectors_answer = true;
  until([&] { return phase("cut") == Phase::active; }, 10s);
  EXPECT_EQ(engine_->injector_ids(), before_);
  EXPECT_EQ(rows(Outcome::active).size(), 1U);
}

TEST_F(BehindASilentEngine, AFrozenInjectorIsReplacedAllTheSame) {
  until([&] { return engine_->injector_ids() != before_; }, 15s);
  engine_->injectors_answer = true;
}

}  // namespace
}  // namespace entropy::control
