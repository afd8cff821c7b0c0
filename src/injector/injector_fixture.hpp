// For tests: an injector whose time, kernel and manager are the test's.
#pragma once

#include <gmock/gmock.h>

#include "failure/catalogue.hpp"
#include "fakes/fake_backend.hpp"
#include "fakes/fake_clock.hpp"
#include "injector/injector.hpp"
#include "injector/merge.hpp"

namespace entropy::injector {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

inline constexpr Time epoch = Time(1'000'000s);

inline failure::Failure make_failure(std::string_view name, const failure::Params& params) {
  return *failure::parse(name, params);
}

// What the kernel shall do for these faults alone, all of one policy's.
inline kernel::State merged(const std::vector<failure::Failure>& failures, const std::string& policy = "slow") {
  std::vector<Part> parts;
  for (const auto& failure : failures) parts.push_back({policy, failure});
  return *merge(parts);
}

// Every 10 s for 4 s, from the epoch on.
inline program::Entry every_ten_seconds(std::string policy, std::vector<failure::Failure> failures) {
  program::Entry entry{std::move(policy), "db-1", {}, std::move(failures)};
  entry.schedule.epoch = epoch;
  entry.schedule.frequency = 10s;
  entry.schedule.duration = 4s;
  return entry;
}

inline program::Entry slow_entry(std::string policy = "slow") {
  return every_ten_seconds(std::move(policy), {make_failure("latency", {{"delay", "200ms"}})});
}
inline program::Entry lossy_entry(std::string policy = "lossy") {
  return every_ten_seconds(std::move(policy), {make_failure("loss", {{"percent", "10"}})});
}

class InjectorTest : public testing::Test {
 protected:
  fakes::FakeBackend backend_;
  fakes::FakeClock clock_{epoch - 5s};
  fakes::FakeSteadyClock steady_;
  std::vector<program::Report> reports_;
  Injector injector_{{backend_, clock_, steady_, "1.2.3", ""},
                     [this](program::Report report) { reports_.push_back(std::move(report)); }};

  void SetUp() override {
    injector_.start();
    forget();
  }

  void forget() {
    reports_.clear();
    backend_.applies.clear();
  }

  // Both clocks go on, and the manager renews the lease.
  void advance(Duration by) {
    clock_.advance(by);
    steady_.advance(by);
    injector_.on_time();
    injector_.on_command(program::Lease{30s});
  }
  void go_to(Time time) { advance(time - clock_.now()); }

  // As `advance`, but there is no manager.
  void advance_alone(Duration by) {
    clock_.advance(by);
    steady_.advance(by);
    injector_.on_time();
  }

  void follow(std::vector<program::Entry> entries) {
    injector_.on_command(program::Program{++revision_, std::move(entries)});
  }

  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& report : reports_) {
      if (const auto* value = std::get_if<T>(&report)) found.push_back(*value);
    }
    return found;
  }
  program::State last_state() const {
    const auto states = all<program::State>();
    return states.empty() ? program::State{} : states.back();
  }
  // What was reported, in order: "started slow 0", "ended slow 0", "failed slow 0", "state", "log".
  std::vector<std::string> story() const;

  std::uint64_t revision_ = 0;
};

inline std::vector<std::string> InjectorTest::story() const {
  struct Teller {
    static std::string of(std::string_view what, const program::Fault& fault) {
      return concat(what, " ", fault.policy, " ", fault.window);
    }
    std::string operator()(const program::State&) const { return "state"; }
    std::string operator()(const program::Alive&) const { return "alive"; }
    std::string operator()(const program::Examined&) const { return "examined"; }
    std::string operator()(const program::Log&) const { return "log"; }
    std::string operator()(const program::FaultStarted& report) const { return of("started", report.fault); }
    std::string operator()(const program::FaultEnded& report) const {
      return of(report.cut_short ? "cut short" : "ended", report.fault);
    }
    std::string operator()(const program::FaultFailed& report) const { return of("failed", report.fault); }
  };
  std::vector<std::string> told;
  for (const auto& report : reports_) {
    if (!std::holds_alternative<program::Alive>(report)) told.push_back(std::visit(Teller{}, report));
  }
  return told;
}

}  // namespace entropy::injector
