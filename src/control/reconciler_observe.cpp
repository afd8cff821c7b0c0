// What the reconciler sees of the engines and of its injectors.
#include <algorithm>
#include <set>

#include "control/labels.hpp"
#include "control/reconciler_runtime.hpp"

namespace entropy::control {
namespace {

bool has_peers(const failure::Failure& failure) {
  const failure::Filter& filter = failure::filter_of(failure);
  return !filter.peers.empty() || !filter.exclude.empty();
}

// Who finds another's injector beside a target makes none, but two may look at the same time, and after a renaming the
// names of theirs differ. Of the two services the one whose id comes first keeps its own; both know that.
void let_one_stay(std::vector<ObservedInjector>& ours, const std::set<std::pair<std::string, std::string>>& taken) {
  if (taken.empty()) return;
  for (auto& injector : ours) injector.gives_way = taken.contains({injector.endpoint, injector.target_id});
}

// As a target, as a peer, or in a condition.
bool has_in_view(const policy::Policy& policy, const ObservedContainer& container) {
  const auto subject = subject_of(container);
  if (policy.selector.matches(subject) || std::ranges::any_of(policy.failures, has_peers)) return true;
  // One replica of a service stays, whoever is selected.
  if (!policy.container_failures.empty() && !service_key(container).empty()) return true;
  const auto is_about = [&](const policy::Condition& condition) {
    const auto* containers = std::get_if<policy::ContainerCondition>(&condition);
    return containers != nullptr && containers->selector && containers->selector->matches(subject);
  };
  return std::ranges::any_of(policy.stop_when, is_about) || std::ranges::any_of(policy.start_when, is_about);
}

}  // namespace

Observed Reconciler::observe() const {
  Observed observed;
  std::set<std::pair<std::string, std::string>> taken;  // by services whose ids come first: endpoints and targets
  const Time now = clock_.now();
  for (const auto& endpoint : endpoints_) {
    if (endpoint->lost()) observed.lost[endpoint->name()] = *endpoint->lost();
    if (endpoint->skew()) observed.skews[endpoint->name()] = *endpoint->skew();
    for (const auto& ended : endpoint->ended()) {
      observed.ends.push_back({*with_service(ended.container, endpoints_), now - (timing_.elapsed() - ended.at),
                               ended.exit_code, ended.out_of_memory});
    }
    for (const auto& [id, cached] : endpoint->containers()) {
      if (!cached.is_of_ours()) {
        if (cached.up) {
          observed.containers.push_back(with_service(cached, endpoints_));
        } else {
          observe_down(observed, *endpoint, cached);
        }
        continue;
      }
      if (!is_injector(cached.container())) continue;
      const std::string manager = label_of(cached.container(), label::manager);
      if (manager != options_.manager_id) {
        observed.others[endpoint->name()].insert(manager);
        if (cached.up && manager < options_.manager_id && is_network_injector(cached.container()))
          taken.emplace(endpoint->name(), label_of(cached.container(), label::target));
        continue;
      }
      if (control::is_custom(cached.container())) {
        customs_.observe(observed, *endpoint, cached);
        continue;
      }
      ObservedInjector injector = injector_from(endpoint->name(), cached.container());
      injector.running = cached.up;
      injector.created = !cached.up && cached.container().state == "created";
      if (const auto found = runtimes_.find(id); found != runtimes_.end())
        found->second.show(injector, timing_.elapsed());
      observed.injectors.push_back(std::move(injector));
    }
  }
  let_one_stay(observed.injectors, taken);
  observed.hosts = hosts_->known();
  observed.unresolved = hosts_->unresolved();
  for (const auto& [target, failure] : failures_) observed.failures[target] = failure.message;
  observed.picks = picks_;
  customs_.add_troubles(observed);
  acts_.observe(observed);
  return observed;
}

void Reconciler::observe_down(Observed& observed, const Endpoint& endpoint, const CachedContainer& cached) const {
  const bool is_replica = !label_of(cached.container(), label::swarm_service).empty() ||
                          !label_of(cached.container(), label::compose_service).empty();
  const bool has_acts = acts_.concerns(endpoint.name(), cached.container().id);
  if (!is_replica && !has_acts) return;
  auto container = with_service(cached, endpoints_);
  if (const auto service = service_key(*container); !service.empty()) {
    observed.absent[service].insert(schedule_name(container->container));
  }
  if (has_acts) observed.down.push_back(std::move(container));
}

// Whether a plan could be another one with this container, or without. What no policy has in view costs no look at all
// the others.
bool Reconciler::concerns(const Endpoint& where, const CachedContainer& cached) const {
  const docker::Container& container = cached.container();
  if (cached.is_of_ours() || !docker::joined_container(container).empty()) return true;
  if (joined_.contains(container.id) || joined_.contains(container.name)) return true;
  if (desired_.rules.limits.max_share) return true;  // it may be a replica
  if (acts_.concerns(where.name(), container.id)) return true;
  const auto observed = with_service(cached, endpoints_);
  return std::ranges::any_of(desired_.policies,
                             [&](const auto& record) { return has_in_view(record.policy, *observed); });
}

}  // namespace entropy::control
