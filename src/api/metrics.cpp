// The service's counters, the gauges that follow from its views, and the process, as Prometheus reads them.
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <map>
#include <sstream>

#include "api/resources.hpp"
#include "base/process.hpp"

namespace entropy::api {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<prometheus::ClientMetric::Label>;

MetricFamily family(std::string name, std::string help, MetricType type = MetricType::Gauge) {
  return {std::move(name), std::move(help), type, {}};
}

void add(MetricFamily& to, Labels labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  (to.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  to.metric.push_back(std::move(metric));
}

template <class T>
MetricFamily single(std::string name, std::string help, T value, MetricType type = MetricType::Gauge) {
  MetricFamily made = family(std::move(name), std::move(help), type);
  add(made, {}, static_cast<double>(value));
  return made;
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

void add_policies(std::vector<MetricFamily>& out, const std::vector<control::PolicyView>& policies) {
  using control::Phase;
  constexpr std::array phases = {Phase::stopped,  Phase::expired, Phase::halted, Phase::waiting,
                                 Phase::degraded, Phase::active,  Phase::armed};
  std::map<Phase, double> counts;
  MetricFamily targets = family("entropy_policy_targets", "Containers that a policy's selector matches.");
  for (const auto& view : policies) {
    ++counts[view.status.phase];
    add(targets, {{"policy", view.record.policy.name}}, static_cast<double>(view.status.targets));
  }
  MetricFamily by_phase = family("entropy_policies", "Policies by phase.");
  for (const Phase phase : phases) add(by_phase, {{"phase", std::string(to_string(phase))}}, counts[phase]);
  out.push_back(std::move(by_phase));
  out.push_back(std::move(targets));
}

// Zero for what a policy may do and does not do now: a graph of it has no holes.
void add_faults(std::vector<MetricFamily>& out, const std::vector<control::PolicyView>& policies,
                const std::vector<control::InjectorView>& injectors) {
  std::map<std::pair<std::string, std::string>, double> counts;
  for (const auto& view : policies) {
    for (const auto& failure : policy::failure_names(view.record.policy)) counts[{view.record.policy.name, failure}];
    for (const auto& fault : view.acts) ++counts[{fault.policy, fault.failure}];
  }
  for (const auto& view : injectors) {
    for (const auto& fault : view.active) ++counts[{fault.policy, fault.failure}];
  }
  MetricFamily active = family("entropy_faults_active", "Faults that hold now, read back from the kernel.");
  for (const auto& [key, count] : counts) add(active, {{"policy", key.first}, {"failure", key.second}}, count);
  out.push_back(std::move(active));
}

void add_injectors(std::vector<MetricFamily>& out, const std::vector<control::InjectorView>& injectors) {
  std::map<std::pair<std::string, std::string>, double> counts;
  for (const auto& view : injectors) ++counts[{std::string(to_string(view.state)), view.backend}];
  MetricFamily states = family("entropy_injectors", "Injector containers.");
  for (const auto& [key, count] : counts) add(states, {{"state", key.first}, {"backend", key.second}}, count);
  out.push_back(std::move(states));
}

// The names that every Prometheus client library uses.
void add_process(std::vector<MetricFamily>& out) {
  const ProcessFigures now = process_figures();
  out.push_back(
      single("process_cpu_seconds_total", "User and system CPU time.", seconds(now.cpu_time), MetricType::Counter));
  out.push_back(single("process_start_time_seconds", "When the service started, in seconds since 1970.",
                       seconds(now.started.time_since_epoch())));
  out.push_back(single("process_resident_memory_bytes", "Resident memory.", now.resident_bytes));
  out.push_back(single("process_virtual_memory_bytes", "Virtual memory.", now.virtual_bytes));
  out.push_back(single("process_threads", "Threads.", now.threads));
  out.push_back(single("process_open_fds", "Open file descriptors.", now.open_files));
  if (now.most_open_files)
    out.push_back(single("process_max_fds", "Most file descriptors that may be open.", *now.most_open_files));
}

}  // namespace

Response get_metrics(const Call& call) {
  std::vector<MetricFamily> all = call.service->metrics().collect();
  MetricFamily build = family("entropy_build_info", "Always 1; the label says the version.");
  add(build, {{"version", call.options->version}}, 1);
  all.push_back(std::move(build));
  all.push_back(single("entropy_halted", "1 while everything is halted.", call.service->halt_state().halted));
  const auto policies = call.service->policies();
  const auto injectors = call.service->injectors();
  add_policies(all, policies);
  add_faults(all, policies, injectors);
  add_injectors(all, injectors);
  MetricFamily up = family("entropy_endpoint_up", "1 while the Docker engine answers.");
  for (const auto& view : call.service->endpoints()) add(up, {{"endpoint", view.endpoint}}, view.up ? 1 : 0);
  all.push_back(std::move(up));
  add_process(all);
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, all);
  return {200, "text/plain; version=0.0.4; charset=utf-8", text.str()};
}

void count_request(prometheus::Registry& registry, std::string_view route, unsigned status,
                   std::chrono::duration<double> took) {
  static const prometheus::Histogram::BucketBoundaries bounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                                 0.1,    0.25,  0.5,    1,     2.5,  5,     10};
  prometheus::BuildHistogram()
      .Name("entropy_http_request_duration_seconds")
      .Help("From a request to its answer, of a stream to its beginning; route is the pattern of the path.")
      .Register(registry)
      .Add({{"route", std::string(route)}, {"code", std::to_string(status)}}, bounds)
      .Observe(took.count());
}

}  // namespace entropy::api
