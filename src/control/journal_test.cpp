// What the history makes of reports that come late, or twice.
#include <gmock/gmock.h>

#include "control/journal.hpp"
#include "fakes/fake_clock.hpp"
#include "fakes/metric_value.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;
using store::Outcome;

class LateReports : public testing::Test {
 protected:
  LateReports() { begin_again(); }
  void begin_again() { journal_ = std::make_unique<Journal>(*store_, clock_, metrics_); }

  program::Fault fault(Duration started = 1s) const {
    return {"cut", "web", "partition", 3, begin_, begin_ + 4s, begin_ + started};
  }
  program::FaultEnded ended(Duration started, Duration at) const {
    program::FaultEnded report;
    report.fault = fault(started);
    report.ended = begin_ + at;
    report.measured.packets = 5;
    return report;
  }
  void miss() {
    EXPECT_TRUE(journal_->missed("fake", "cut", "web", "partition", {3, begin_, begin_ + 4s}, "unreachable"));
  }
  std::vector<store::FaultRecord> rows() { return *store_->faults({}); }
  std::vector<std::pair<Outcome, Duration>> ends() {
    std::vector<std::pair<Outcome, Duration>> all;
    for (const auto& row : rows()) all.emplace_back(row.outcome, row.ended.value_or(begin_) - begin_);
    return all;
  }
  std::vector<std::string> events() {
    std::vector<std::string> types;
    for (const auto& event : journal_->recent()) types.push_back(event.type);
    return types;
  }

  fakes::JumpingClock clock_;
  Time begin_ = clock_.now() - 1min;
  std::unique_ptr<store::Store> store_ = *store::Store::open(":memory:");
  Metrics metrics_;
  std::unique_ptr<Journal> journal_;
  const Journal::Source source_{"fake", "i1"};
};

using testing::ElementsAre;
using testing::Pair;

TEST_F(LateReports, AnEndThatNobodyHadHeardTheBeginningOfIsAWindowThatWasNotMissed) {
  miss();
  EXPECT_EQ(journal_->missed_count("cut"), 1U);
  journal_->ended(source_, ended(1s, 3s));
  EXPECT_THAT(ends(), ElementsAre(Pair(Outcome::completed, Duration(3s))));
  EXPECT_EQ(rows()[0].started, begin_ + 1s);
  EXPECT_EQ(rows()[0].packets, 5U);
  EXPECT_EQ(journal_->missed_count("cut"), 0U);
  EXPECT_THAT(events(), ElementsAre("fault.missed", "fault.ended"));
  const auto families = metrics_.collect();
  EXPECT_EQ(fakes::metric_value(families, "entropy_windows_total", {{"policy", "cut"}, {"outcome", "hit"}}), 1);
  EXPECT_EQ(fakes::metric_value(families, "entropy_fault_seconds_total", {{"policy", "cut"}}), 2);
}

TEST_F(LateReports, WhatIsHeardOnceMoreChangesNothing) {
  journal_->started(source_, {fault(), ""});
  journal_->ended(source_, ended(1s, 3s));
  const auto before = rows();
  for (int i = 0; i < 2; ++i) {
    journal_->started(source_, {fault(), ""});
    journal_->holds(source_, {fault()});
    journal_->ended(source_, ended(1s, 3s));
    journal_->ended_untold(source_, fault(), "gone");
    journal_->holds(source_, {});
    begin_again();
  }
  EXPECT_EQ(rows(), before);
  EXPECT_TRUE(events().empty());
}

TEST_F(LateReports, AGuessIsPutRight) {
  journal_->started(source_, {fault(), ""});
  journal_->gone("i1", "out of reach");
  EXPECT_EQ(ends()[0].first, Outcome::cut_short);
  journal_->ended(source_, ended(1s, 3s));
  EXPECT_THAT(ends(), ElementsAre(Pair(Outcome::completed, Duration(3s))));
  EXPECT_EQ(rows()[0].message, "");
  EXPECT_THAT(events(), ElementsAre("fault.started", "fault.ended", "fault.ended"));
}

TEST_F(LateReports, WhatAFormerServiceLeftOpenEndsAsItWasTold) {
  journal_->started(source_, {fault(), ""});
  begin_again();
  journal_->ended(source_, ended(1s, 3s));
  EXPECT_TRUE(journal_->close_unclaimed([&](const auto&) { return clock_.now(); }));
  EXPECT_THAT(ends(), ElementsAre(Pair(Outcome::completed, Duration(3s))));
}

TEST_F(LateReports, WhatWasSaidToBeOverAndHoldsIsTheSameRow) {
  journal_->started(source_, {fault(), ""});
  journal_->gone("i1", "out of reach");
  journal_->holds(source_, {fault()});
  EXPECT_THAT(ends(), ElementsAre(Pair(Outcome::active, Duration(0))));
  journal_->ended(source_, ended(1s, 3s));
  EXPECT_THAT(ends(), ElementsAre(Pair(Outcome::completed, Duration(3s))));
}

TEST_F(LateReports, AnEarlierStartInTheSameWindowIsAnotherRow) {
  journal_->started(source_, {fault(2s), ""});
  journal_->ended(source_, ended(1s, 1500ms));
  EXPECT_THAT(ends(), testing::UnorderedElementsAre(Pair(Outcome::completed, Duration(1500ms)),
                                                    Pair(Outcome::active, Duration(0))));
  journal_->ended(source_, ended(2s, 3s));
  journal_->ended(source_, ended(1s, 1500ms));
  EXPECT_THAT(ends(), testing::UnorderedElementsAre(Pair(Outcome::completed, Duration(1500ms)),
                                                    Pair(Outcome::completed, Duration(3s))));
}

TEST_F(LateReports, AFrozenInjectorsFaultEndedBeforeItThawed) {
  journal_->started(source_, {fault(), ""});
  journal_->gone("i1", std::string(frozen_end));
  const auto before = rows();
  auto thawed = ended(1s, 3s);
  thawed.ended = clock_.now() + 1s;
  journal_->ended(source_, thawed);
  EXPECT_EQ(rows(), before);
  journal_->ended(source_, ended(1s, 3s));
  EXPECT_THAT(ends(), ElementsAre(Pair(Outcome::completed, Duration(3s)))) << "it had told before it froze";
}

TEST_F(LateReports, WhatFailsOnceMoreForTheSameReasonIsOneRow) {
  program::FaultFailed report{fault(), "refused"};
  report.fault.started = {};
  miss();
  journal_->failed_once(source_, report);
  journal_->failed_once(source_, report);
  EXPECT_EQ(rows().size(), 1U);
  EXPECT_EQ(journal_->missed_count("cut"), 0U);
  report.message = "another reason";
  journal_->failed_once(source_, report);
  EXPECT_EQ(rows().size(), 2U);
}

TEST_F(LateReports, WhatFailsAgainAfterItHeldIsToldAgain) {
  program::FaultFailed report{fault(), "no interface"};
  report.fault.started = {};
  journal_->failed_once(source_, report);
  journal_->failed_anew(source_, report);
  EXPECT_EQ(rows().size(), 1U) << "the log was read before the stream";
  journal_->started(source_, {fault(), ""});
  journal_->ended(source_, ended(1s, 2s));
  journal_->failed_anew(source_, report);
  EXPECT_EQ(rows().size(), 3U);
  journal_->failed_once(source_, report);
  EXPECT_EQ(rows().size(), 3U);
}

TEST_F(LateReports, WhatIsTooOldForTheHistoryStaysForgotten) {
  store::HistoryLimits limits;
  limits.age = 30s;
  journal_ = std::make_unique<Journal>(*store_, clock_, metrics_, limits);
  journal_->ended(source_, ended(1s, 3s));
  EXPECT_TRUE(rows().empty());
}

TEST_F(LateReports, WhoIsOutOfReachHasEndedWithItsWindow) {
  journal_->started(source_, {fault(), ""});
  journal_->gone("i1", "it was out of reach for longer than its lease and rolled back by itself");
  EXPECT_THAT(ends(), ElementsAre(Pair(Outcome::cut_short, Duration(4s))));
  EXPECT_EQ(fakes::metric_value(metrics_.collect(), "entropy_fault_seconds_total", {{"policy", "cut"}}), 3);
}

}  // namespace
}  // namespace entropy::control
