// What is counted, and when: the figures by themselves, and as the journal feeds them. (How the control loop does is in
// manager_test.cpp.)
#include "control/metrics.hpp"

#include <gmock/gmock.h>

#include "base/text.hpp"
#include "control/journal.hpp"
#include "fakes/fake_clock.hpp"
#include "fakes/metric_value.hpp"
#include "policy/policy_json.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;
using fakes::metric_value;

policy::Policy cut(std::string_view name) {
  return policy::draft_from_json(
             *policy::parse_json(concat(R"({"name": ")", name, R"(", "selector": "a", "failure": "partition"})")))
      ->policy;
}

TEST(Metrics, ANewPolicyBeginsAtZero) {
  Metrics metrics;
  metrics.policy_is_there(cut("p"));
  const auto all = metrics.collect();
  for (const char* outcome : {"hit", "spared", "missed", "failed"})
    EXPECT_EQ(metric_value(all, "entropy_windows_total", {{"policy", "p"}, {"outcome", outcome}}), 0) << outcome;
  EXPECT_EQ(metric_value(all, "entropy_fault_seconds_total", {{"policy", "p"}, {"failure", "partition"}}), 0);
  for (const char* action : {"matched", "dropped", "delayed"})
    EXPECT_EQ(metric_value(all, "entropy_fault_packets_total", {{"policy", "p"}, {"action", action}}), 0) << action;
  EXPECT_EQ(metric_value(all, "entropy_inject_duration_seconds"), 0);
  EXPECT_EQ(metric_value(all, "entropy_orphans_removed_total"), 0);
}

TEST(Metrics, RemovedPoliciesStayForAWhileAndAreBounded) {
  Metrics metrics;
  const auto there = [&](const std::string& name) {
    return metric_value(metrics.collect(), "entropy_windows_total", {{"policy", name}}).has_value();
  };
  const auto make = [&](const std::string& name) {
    metrics.policy_is_there(cut(name));
    metrics.window(name, WindowOutcome::hit);
    metrics.policy_removed(name);
  };
  make("first");
  make("again");
  metrics.policy_is_there(cut("again"));
  EXPECT_TRUE(there("first"));
  for (std::size_t i = 0; i < Metrics::most_removed_policies; ++i) make(concat("p", i));
  EXPECT_FALSE(there("first"));
  EXPECT_TRUE(there("again")) << "it was made anew";
  EXPECT_TRUE(there("p0"));
  make("last");
  EXPECT_FALSE(there("p0"));
  EXPECT_EQ(metric_value(metrics.collect(), "entropy_windows_total", {{"policy", "again"}, {"outcome", "hit"}}), 1)
      << "its counters go on";
}

TEST(Metrics, DurationsAreHistogramsThatNeverFall) {
  Metrics metrics;
  metrics.injected(200ms);
  metrics.injected(-1h);
  metrics.rolled_back(40ms);
  metrics.reconciled(1us);
  const auto all = metrics.collect();
  EXPECT_EQ(metric_value(all, "entropy_inject_duration_seconds"), 2);
  EXPECT_DOUBLE_EQ(fakes::metric_sum(all, "entropy_inject_duration_seconds"), 0.2);
  EXPECT_DOUBLE_EQ(fakes::metric_sum(all, "entropy_rollback_duration_seconds"), 0.04);
  EXPECT_EQ(metric_value(all, "entropy_reconcile_duration_seconds"), 1);
}

TEST(Metrics, EngineRequestsByOperationAndCode) {
  Metrics metrics;
  metrics.engine_request("unix:///e", "GET /info", "200");
  metrics.engine_request("unix:///e", "GET /info", "200");
  metrics.engine_request("unix:///e", "GET /info", "timeout");
  const auto all = metrics.collect();
  EXPECT_EQ(metric_value(all, "entropy_engine_requests_total", {{"operation", "GET /info"}, {"code", "200"}}), 2);
  EXPECT_EQ(metric_value(all, "entropy_engine_requests_total", {{"endpoint", "unix:///e"}, {"code", "timeout"}}), 1);
}

class JournalMetrics : public testing::Test {
 protected:
  static constexpr Time start{std::chrono::seconds(1000)};

  double seconds() { return figure("entropy_fault_seconds_total", {{"policy", "p"}, {"failure", "loss"}}); }
  double windows(const char* outcome) { return figure("entropy_windows_total", {{"outcome", outcome}}); }
  double packets(const char* action) { return figure("entropy_fault_packets_total", {{"action", action}}); }
  double figure(const char* name, const prometheus::Labels& labels) {
    return metric_value(metrics_->collect(), name, labels).value_or(0);
  }
  static program::Fault fault(std::uint64_t window = 0) {
    return {"p", "db", "loss", window, start, start + 10s, start};
  }
  static program::Measured measured(std::uint64_t packets, std::uint64_t dropped, std::uint64_t delayed) {
    program::Measured figures;
    figures.packets = packets;
    figures.dropped = dropped;
    figures.delayed = delayed;
    return figures;
  }
  void end(Time at, const program::Measured& figures) { journal_->ended(source_, {fault(), at, false, figures, ""}); }
  // Another process, which finds what this one has left in the store.
  void restart_service() {
    journal_.reset();
    metrics_ = std::make_unique<Metrics>();
    journal_ = std::make_unique<Journal>(*store_, clock_, *metrics_);
  }

  fakes::FakeClock clock_{start};
  std::unique_ptr<store::Store> store_ = *store::Store::open(":memory:");
  std::unique_ptr<Metrics> metrics_ = std::make_unique<Metrics>();
  std::unique_ptr<Journal> journal_ = std::make_unique<Journal>(*store_, clock_, *metrics_);
  Journal::Source source_{"local", "i1"};
};

TEST_F(JournalMetrics, FaultSecondsGrowWhileItHolds) {
  journal_->started(source_, {fault(), ""});
  EXPECT_EQ(seconds(), 0);
  clock_.advance(3s);
  EXPECT_EQ(seconds(), 3);
  EXPECT_EQ(seconds(), 3) << "looking counts nothing";
  clock_.advance(20s);
  EXPECT_EQ(seconds(), 10) << "it is over; the word of it is late";
  end(start + 10s, {});
  EXPECT_EQ(seconds(), 10);
}

TEST_F(JournalMetrics, AnEndThatWasEarlierTakesNothingBack) {
  journal_->started(source_, {fault(), ""});
  clock_.advance(6s);
  EXPECT_EQ(seconds(), 6);
  end(start + 4s, {});
  EXPECT_EQ(seconds(), 6);
}

TEST_F(JournalMetrics, PacketsAreCountedOnceOverReportsAndFaults) {
  journal_->started(source_, {fault(), ""});
  journal_->progress(source_, {{fault(), measured(10, 2, 3)}});
  EXPECT_EQ(packets("matched"), 10);
  journal_->progress(source_, {{fault(), measured(30, 5, 3)}});
  EXPECT_EQ(packets("matched"), 30);
  end(start + 10s, measured(31, 6, 4));
  EXPECT_EQ(packets("matched"), 31);
  EXPECT_EQ(packets("dropped"), 6);
  EXPECT_EQ(packets("delayed"), 4);
  auto next = fault(1);
  next.started += 10s;
  journal_->started(source_, {next, ""});
  journal_->progress(source_, {{next, measured(1, 1, 1)}});
  EXPECT_EQ(packets("matched"), 32) << "a new fault's counters begin at zero, ours don't";
}

TEST_F(JournalMetrics, AWindowIsHitOnceWhateverHappensInIt) {
  journal_->failed(source_, {fault(), "no"});
  EXPECT_EQ(windows("failed"), 0) << "it may still hold";
  journal_->started(source_, {fault(), ""});
  journal_->holds(source_, {fault()});
  auto other = fault();
  other.failure = "latency";
  journal_->started(source_, {other, ""});
  EXPECT_EQ(windows("hit"), 1);
  EXPECT_EQ(journal_->take_seen("local", "p", "db", fault().planned_start), Journal::Seen::held);
  EXPECT_EQ(windows("failed"), 0);
}

TEST_F(JournalMetrics, AWindowWithoutAnEndFailsAtOnce) {
  auto endless = fault();
  endless.planned_end = policy::never;
  journal_->failed(source_, {endless, "no"});
  journal_->failed(source_, {endless, "no"});
  EXPECT_EQ(windows("failed"), 1);
}

TEST_F(JournalMetrics, AFormerServicesShareIsNotCountedAgain) {
  journal_->started(source_, {fault(), ""});
  journal_->progress(source_, {{fault(), measured(100, 0, 0)}});
  clock_.advance(4s);
  restart_service();
  EXPECT_EQ(seconds(), 0) << "nobody has claimed it yet";
  journal_->holds(source_, {fault()});
  clock_.advance(1s);
  EXPECT_EQ(seconds(), 1);
  EXPECT_EQ(windows("hit"), 0);
  journal_->progress(source_, {{fault(), measured(120, 0, 0)}});
  EXPECT_EQ(packets("matched"), 0) << "how many of them were counted is not known";
  journal_->progress(source_, {{fault(), measured(125, 0, 0)}});
  EXPECT_EQ(packets("matched"), 5);
}

TEST_F(JournalMetrics, AFaultThatHoldsOnIsNotHitAgain) {
  journal_->started(source_, {fault(), ""});
  journal_->forget_policy("p");
  journal_->holds(source_, {fault()});
  EXPECT_EQ(windows("hit"), 1) << "its policy began anew meanwhile";
  (void)journal_->take_seen("local", "p", "db", fault().planned_start);
  journal_->holds(source_, {fault()});
  EXPECT_EQ(windows("hit"), 1) << "its rollback is late";
}

}  // namespace
}  // namespace entropy::control
