#include "control/metrics.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace entropy::control {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildHistogram;

constexpr std::array outcomes = {WindowOutcome::hit, WindowOutcome::spared, WindowOutcome::missed,
                                 WindowOutcome::failed};

// Up to half a minute, closest where the promises are: an injector within the fifth of a second that a bare sidekick
// takes, a rollback of a hundred within two; of one it takes some milliseconds.
const prometheus::Histogram::BucketBoundaries action_seconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2,
                                                                0.3,   0.5,    0.75,  1,    2,     5,    10,  20,   30};
const prometheus::Histogram::BucketBoundaries pass_seconds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                              0.01,   0.025,   0.05,   0.1,   0.5};

// Clocks jump; a histogram's sum must not fall.
template <class D>
double seconds(D duration) {
  return std::max(std::chrono::duration<double>(duration).count(), 0.0);
}

prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const char* name, const char* help,
                                 const prometheus::Histogram::BucketBoundaries& bounds) {
  return BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
}

}  // namespace

std::string_view to_string(WindowOutcome outcome) {
  constexpr std::array<std::string_view, outcomes.size()> names = {"hit", "spared", "missed", "failed"};
  return names[static_cast<std::size_t>(outcome)];
}

Metrics::Metrics()
    : windows_(counters(registry_, "entropy_windows_total",
                        "Windows of each target: hit by the dice and held, spared by them or by pick, missed (a hit "
                        "that ended before the fault could hold), failed (the kernel refused).")),
      fault_seconds_(counters(registry_, "entropy_fault_seconds_total",
                              "For how long faults have held, over all targets; grows while they do.")),
      fault_packets_(counters(registry_, "entropy_fault_packets_total",
                              "Packets of the targets that a failure was for while it held: matched counts all of "
                              "them; altered are answers to look-ups. Failures that overlap count the same packets.")),
      fault_segments_(counters(registry_, "entropy_fault_tcp_segments_total",
                               "Segments that TCP connections sent which a failure was for while it held: all of "
                               "them (sent), and those sent again (retransmitted).")),
      round_trips_(prometheus::BuildGauge()
                       .Name("entropy_fault_tcp_rtt_seconds")
                       .Help("Median of what TCP connections hold for their round-trip time under a failure that holds "
                             "now, and before it, on the target where it is the longest.")
                       .Register(registry_)),
      engine_requests_(counters(registry_, "entropy_engine_requests_total",
                                "Requests to the Docker engine by the answer's HTTP status, or by what came instead.")),
      inject_duration_(histogram(registry_, "entropy_inject_duration_seconds",
                                 "From when a target was seen to need an injector (it or its policy came) to its "
                                 "injector's word that the kernel was read back and all that is due holds.",
                                 action_seconds)),
      rollback_duration_(histogram(registry_, "entropy_rollback_duration_seconds",
                                   "From an order that takes faults back (stop, rm, halt) to the last read-back that "
                                   "was clean.",
                                   action_seconds)),
      reconcile_duration_(histogram(registry_, "entropy_reconcile_duration_seconds",
                                    "One pass of the control loop: observe, plan, begin what is to do.", pass_seconds)),
      orphans_removed_(counters(registry_, "entropy_orphans_removed_total",
                                "Injectors removed that an earlier run of the service had left and none could use.")
                           .Add({})) {}

std::vector<prometheus::MetricFamily> Metrics::collect() {
  if (update_) update_();
  return registry_.Collect();
}

prometheus::Counter& Metrics::of_policy(Counters& family, const std::string& policy, prometheus::Labels labels) {
  labels.emplace("policy", policy);
  prometheus::Counter& counter = family.Add(labels);
  by_policy_[policy].emplace(&family, &counter);
  return counter;
}

void Metrics::policy_is_there(const policy::Policy& policy) {
  std::erase(removed_, policy.name);
  for (const auto outcome : outcomes) of_policy(windows_, policy.name, {{"outcome", std::string(to_string(outcome))}});
  for (const auto& failure : policy::failure_names(policy)) {
    fault_held(policy.name, failure, Duration(0));
    fault_packets(policy.name, failure, {});
  }
}

void Metrics::policy_removed(const std::string& name) {
  removed_.push_back(name);
  if (removed_.size() <= most_removed_policies) return;
  const auto found = by_policy_.find(removed_.front());
  removed_.pop_front();
  if (found == by_policy_.end()) return;
  for (const auto& [family, counter] : found->second) family->Remove(counter);
  by_policy_.erase(found);
}

void Metrics::window(const std::string& policy, WindowOutcome outcome) {
  of_policy(windows_, policy, {{"outcome", std::string(to_string(outcome))}}).Increment();
}

void Metrics::fault_held(const std::string& policy, const std::string& failure, Duration time) {
  of_policy(fault_seconds_, policy, {{"failure", failure}}).Increment(seconds(time));
}

void Metrics::fault_packets(const std::string& policy, const std::string& failure, const Packets& packets) {
  const auto add = [&](const char* action, std::uint64_t count) {
    of_policy(fault_packets_, policy, {{"action", action}, {"failure", failure}}).Increment(static_cast<double>(count));
  };
  add("matched", packets.matched);
  add("dropped", packets.dropped);
  add("delayed", packets.delayed);
  if (failure == "duplicate") add("duplicated", packets.duplicated);
  if (failure == "dns") add("altered", packets.altered);
  const auto add_segments = [&](const char* kind, std::uint64_t count) {
    of_policy(fault_segments_, policy, {{"kind", kind}, {"failure", failure}}).Increment(static_cast<double>(count));
  };
  add_segments("sent", packets.segments);
  add_segments("retransmitted", packets.retransmitted);
}

void Metrics::round_trips(const RoundTrips& now) {
  for (auto* gauge : std::exchange(round_trips_shown_, {})) round_trips_.Remove(gauge);
  for (const auto& [key, times] : now) {
    const auto show = [&](const char* when, Duration time) {
      if (time == Duration::zero()) return;
      auto& gauge = round_trips_.Add({{"policy", key.first}, {"failure", key.second}, {"when", when}});
      gauge.Set(seconds(time));
      round_trips_shown_.push_back(&gauge);
    };
    show("before", times.before);
    show("during", times.during);
  }
}

void Metrics::injected(Duration took) { inject_duration_.Observe(seconds(took)); }
void Metrics::rolled_back(Duration took) { rollback_duration_.Observe(seconds(took)); }
void Metrics::reconciled(std::chrono::nanoseconds took) { reconcile_duration_.Observe(seconds(took)); }
void Metrics::orphan_removed() { orphans_removed_.Increment(); }

void Metrics::engine_request(const std::string& endpoint, const std::string& operation, const std::string& code) {
  engine_requests_.Add({{"endpoint", endpoint}, {"operation", operation}, {"code", code}}).Increment();
}

}  // namespace entropy::control
