#include "control/act_plan.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "control/former.hpp"
#include "control/labels.hpp"
#include "control/namespaces.hpp"
#include "control/plan.hpp"

namespace entropy::control {
namespace {

using store::ActState;

bool is_for(const ObservedAct& act, const DueAct& due) {
  const store::ActRecord& row = act.record;
  if (act.undone) return false;
  if (row.endpoint != due.endpoint || row.policy != due.fault.policy || row.planned_start != due.fault.planned_start)
    return false;
  if (failure::is_instant(due.failure)) {
    return failure::name_of(act.failure) == failure::name_of(due.failure) && row.target == due.fault.target;
  }
  return act.failure == due.failure && row.container == due.container;
}

// Of what an act of another kind is doing to the container, or what somebody is.
bool must_wait(const DueAct& due, const Observed& observed, Time now) {
  const auto trouble = observed.act_troubles.find({due.fault.policy, due.container});
  if (trouble != observed.act_troubles.end() && now < trouble->second.retry_at) return true;
  const auto in_the_way = [&](const ObservedAct& act) {
    return act.record.endpoint == due.endpoint && act.record.container == due.container && is_harming(act) &&
           failure::name_of(act.failure) != failure::name_of(due.failure);
  };
  return failure::takes_down(due.failure) && std::ranges::any_of(observed.acts, in_the_way);
}

// Who is left of each service. Replicas are told apart by the name that the dice are rolled for.
class Replicas {
 public:
  explicit Replicas(const Index& index) {
    for (const auto& [service, names] : index.observed().absent) all_[service] = names;
    for (const auto& each : index.observed().containers) {
      const std::string service = service_key(each);
      if (service.empty()) continue;
      const std::string name = schedule_name(each.container);
      all_[service].insert(name);
      if (each.container.state == "running") well_[service].insert(name);
    }
    for (const auto& act : index.observed().acts) {
      const auto* container = index.find(act.record.endpoint, act.record.container);
      if (!is_harming(act)) continue;
      if (container != nullptr) harm(*container);
      // One that was removed is still one of those that there were.
      const std::string service = former_from(act.record.former).service;
      if (!service.empty()) all_[service].insert(act.record.target);
    }
  }

  bool is_last(const ObservedContainer& container) {
    const std::string service = service_key(container);
    if (service.empty() || all_[service].size() < 2) return false;
    const auto& well = well_[service];
    const auto others = well.size() - well.count(schedule_name(container.container));
    return others == 0;
  }
  void harm(const ObservedContainer& container) {
    const std::string service = service_key(container);
    if (!service.empty()) well_[service].erase(schedule_name(container.container));
  }

 private:
  std::map<std::string, std::set<std::string>> all_;
  std::map<std::string, std::set<std::string>> well_;
};

ActPlace place_of(const DueAct& due) {
  return {due.endpoint, due.fault.policy, due.fault.target, due.fault.planned_start};
}

// One that we have stopped ourselves is as good as stopped for the next window, too.
bool is_stopped_by_us(const DueAct& due, const Observed& observed) {
  return std::ranges::any_of(observed.acts, [&](const ObservedAct& act) {
    return act.record.endpoint == due.endpoint && act.record.container == due.container &&
           act.record.state == ActState::held && std::holds_alternative<failure::Stop>(act.failure) &&
           std::holds_alternative<failure::Stop>(due.failure);
  });
}

void begin(ActPlan& plan, Replicas& replicas, const DueAct& due, const Index& index, Time now) {
  const Observed& observed = index.observed();
  if (must_wait(due, observed, now)) return;
  const auto* container = index.find(due.endpoint, due.container);
  if (container == nullptr && !is_stopped_by_us(due, observed)) return;
  const bool harmed_already = std::ranges::any_of(observed.acts, [&](const ObservedAct& act) {
    return act.record.endpoint == due.endpoint && act.record.container == due.container && is_harming(act);
  });
  if (failure::takes_down(due.failure) && !harmed_already && container != nullptr) {
    if (replicas.is_last(*container)) return (void)plan.capped.insert(place_of(due));
    replicas.harm(*container);
  }
  plan.steps[{due.endpoint, due.container}].push_back(BeginAct{due});
}

// What is over at once was done for the whole window, whatever becomes of its target, a halt or the selector.
bool is_done_for_now(const ObservedAct& act, const Desired& desired, Time now) {
  if (!failure::is_instant(act.failure)) return false;
  return std::ranges::any_of(desired.policies, [&](const policy::Record& each) {
    const auto window = policy::window_at(each.policy.schedule, now);
    return each.policy.name == act.record.policy && window && window->begin == act.record.planned_start;
  });
}

}  // namespace

bool is_harming(const ObservedAct& act) {
  return failure::takes_down(act.failure) && act.record.state != ActState::over;
}

std::string service_key(const ObservedContainer& container) {
  const std::string swarm = label_of(container.container, label::swarm_service);
  if (!swarm.empty()) return concat("swarm ", swarm);  // its replicas may be on several hosts
  const std::string service = label_of(container.container, label::compose_service);
  if (service.empty()) return {};
  return concat(container.endpoint, " ", label_of(container.container, label::compose_project), " ", service);
}

void add_due_acts(std::vector<DueAct>& due, const Picks& picks, const policy::Policy& policy,
                  const ObservedContainer& container, Time now) {
  if (policy.container_failures.empty()) return;
  const auto window = policy::window_at(policy.schedule, now);
  const std::string name = schedule_name(container.container);
  if (!window || !policy::is_hit(policy.schedule, policy.name, name, window->index)) return;
  if (!is_picked(picks, policy, name, window->index)) return;
  for (const auto& each : policy.container_failures) {
    const std::string failure(failure::name_of(each));
    due.push_back({container.endpoint,
                   container.container.id,
                   container.container.name,
                   each,
                   {policy.name, name, failure, window->index, window->begin, window->end}});
  }
}

ActPlan plan_acts(const std::vector<DueAct>& due, const Desired& desired, const Index& index, Time now) {
  const Observed& observed = index.observed();
  ActPlan plan;
  if (due.empty() && observed.acts.empty()) return plan;
  Replicas replicas(index);
  std::set<const ObservedAct*> wanted;
  std::set<std::pair<ActPlace, std::string>> begun;  // two containers may have one name, as tasks of one slot
  for (const auto& each : due) {
    if (observed.lost.contains(each.endpoint)) continue;
    const auto found = std::ranges::find_if(observed.acts, [&](const ObservedAct& act) { return is_for(act, each); });
    if (found == observed.acts.end()) {
      if (failure::is_instant(each.failure) && !begun.emplace(place_of(each), each.fault.failure).second) continue;
      begin(plan, replicas, each, index, now);
    } else {
      wanted.insert(&*found);
    }
  }
  for (const auto& act : observed.acts) {
    if (act.record.id == 0 || observed.lost.contains(act.record.endpoint)) continue;
    const bool goes_on = !act.back && (wanted.contains(&act) || is_done_for_now(act, desired, now));
    auto& steps = plan.steps[{act.record.endpoint, act.record.container}];
    if (!goes_on) {
      steps.push_back(EndAct{act.record.id});
    } else if (act.record.state == ActState::intended) {
      steps.push_back(ResumeAct{act.record.id});
    }
  }
  std::erase_if(plan.steps, [](const auto& entry) { return entry.second.empty(); });
  return plan;
}

}  // namespace entropy::control
