// What the service counts, for Prometheus; docs/metrics.md says what each series means. Gauges are not here: they
// follow from the views at the moment of a scrape (api/metrics.cpp).
//
// One thread. Series have labels of few values only, never a container's id. Those of a policy begin at zero when it is
// made (Prometheus sees no increase in a series that begins with it), stay when it is removed, so that its end is still
// scraped, and go once `most_removed_policies` others were removed after it.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "policy/policy.hpp"

namespace entropy::control {

// What became of one window of one target. `spared`: the dice fell so, or it was not picked.
enum class WindowOutcome { hit, spared, missed, failed };
std::string_view to_string(WindowOutcome outcome);

class Metrics {
 public:
  static constexpr std::size_t most_removed_policies = 100;

  Metrics();

  // Where others add families of their own.
  prometheus::Registry& registry() { return registry_; }
  // Every family, after what still runs was brought up to date.
  std::vector<prometheus::MetricFamily> collect();
  void before_collecting(std::function<void()> update) { update_ = std::move(update); }

  void policy_is_there(const policy::Policy& policy);
  void policy_removed(const std::string& name);

  void window(const std::string& policy, WindowOutcome outcome);
  void fault_held(const std::string& policy, const std::string& failure, Duration time);
  struct Packets {
    std::uint64_t matched = 0;
    std::uint64_t dropped = 0;
    std::uint64_t delayed = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t altered = 0;
    std::uint64_t segments = 0;  // of TCP connections
    std::uint64_t retransmitted = 0;
    bool operator==(const Packets&) const = default;
  };
  void fault_packets(const std::string& policy, const std::string& failure, const Packets& packets);
  // What TCP holds for the round-trip time of the target that feels each failure most; those of before are forgotten.
  struct RoundTrip {
    Duration before{0};
    Duration during{0};
  };
  using RoundTrips = std::map<std::pair<std::string, std::string>, RoundTrip>;  // by policy and failure
  void round_trips(const RoundTrips& now);

  void injected(Duration took);
  void rolled_back(Duration took);
  void reconciled(std::chrono::nanoseconds took);
  void engine_request(const std::string& endpoint, const std::string& operation, const std::string& code);
  void orphan_removed();

 private:
  using Counters = prometheus::Family<prometheus::Counter>;

  prometheus::Counter& of_policy(Counters& family, const std::string& policy, prometheus::Labels labels);

  prometheus::Registry registry_;
  Counters& windows_;
  Counters& fault_seconds_;
  Counters& fault_packets_;
  Counters& fault_segments_;
  prometheus::Family<prometheus::Gauge>& round_trips_;
  std::vector<prometheus::Gauge*> round_trips_shown_;
  Counters& engine_requests_;
  prometheus::Histogram& inject_duration_;
  prometheus::Histogram& rollback_duration_;
  prometheus::Histogram& reconcile_duration_;
  prometheus::Counter& orphans_removed_;
  std::map<std::string, std::set<std::pair<Counters*, prometheus::Counter*>>> by_policy_;
  std::deque<std::string> removed_;
  std::function<void()> update_;
};

}  // namespace entropy::control
