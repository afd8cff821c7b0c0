// What a policy's status says, and why.
#include <algorithm>
#include <unordered_set>

#include "base/text.hpp"
#include "control/namespaces.hpp"

namespace entropy::control {
namespace {

const ObservedInjector* injector_for(const Index& index, const TargetState& target) {
  const auto* container = index.find(target.endpoint, target.id);
  if (container == nullptr) return nullptr;
  for (const auto* injector : index.injectors(target.endpoint, index.owner(*container).container.id)) {
    if (injector->running) return injector;
  }
  return nullptr;
}

std::string skewed(Duration ahead) {
  const auto seconds = std::chrono::floor<std::chrono::milliseconds>(std::chrono::abs(ahead));
  return concat("the clock of its host is ", entropy::to_string(Duration(seconds)),
                ahead > Duration::zero() ? " ahead of" : " behind",
                " this service's, and so are its windows: "
                "set both clocks by NTP");
}

// Why a matched target can't be served now; empty if it can, or will be in a moment.
std::string trouble_of(const policy::Policy& policy, const Index& index, const TargetState& target) {
  const auto& lost_ones = index.observed().lost;
  if (const auto lost = lost_ones.find(target.endpoint); lost != lost_ones.end()) return lost->second;
  if (const auto skew = index.observed().skews.find(target.endpoint); skew != index.observed().skews.end()) {
    if (std::chrono::abs(skew->second) > std::chrono::seconds(1)) return skewed(skew->second);
  }
  if (!target.reason.empty() || policy.failures.empty()) return target.reason;
  const auto* injector = injector_for(index, target);
  if (injector == nullptr || !injector->state) return {};
  if (injector->unheard) {
    return "neither its injector nor the engine answers: what holds there ends by itself with the injector's lease";
  }
  if (!injector->state->message.empty()) return injector->state->message;
  // It is of one namespace, whose members fare alike: the fault may be under the name of another one.
  for (const auto& [fault, message] : injector->state->failed) {
    if (fault.policy == policy.name) return message;
  }
  return {};
}

std::string waiting_message(const policy::Policy& policy, const Match& match, const Observed& observed) {
  if (!match.skipped.empty()) {
    const auto& first = match.skipped.front();
    return concat("every match is skipped, ", first.name, " because ", first.reason);
  }
  if (!observed.lost.empty()) return observed.lost.begin()->second;
  return concat("no running container matches ", policy.selector.text());
}

void count_custom(PolicyStatus& status, const policy::Policy& policy, const Observed& observed) {
  for (const auto& custom : observed.customs) {
    if (custom.policy != policy.name) continue;
    if (custom.running) ++status.injectors;
    if (custom.active) ++status.active;
  }
}

bool holds(const ObservedAct& act, const policy::Policy& policy) {
  return act.holds && act.record.policy == policy.name;
}

void count_injectors(PolicyStatus& status, const policy::Record& record, const Match& match, const Index& index) {
  std::unordered_set<const ObservedInjector*> serving;
  for (const auto& target : match.targets) {
    const auto* injector = record.policy.failures.empty() ? nullptr : injector_for(index, target);
    if (injector != nullptr) serving.insert(injector);
  }
  for (const auto& injector : index.observed().injectors) {
    if (!injector.state || !injector.running) continue;
    const auto ours = [&](const program::Fault& fault) { return fault.policy == record.policy.name; };
    status.active += static_cast<std::uint64_t>(std::ranges::count_if(injector.state->active, ours));
  }
  status.injectors = serving.size();
}

void set_trouble(PolicyStatus& status, const policy::Policy& policy, const Match& match, const Index& index) {
  std::size_t troubled = 0;
  for (const auto& target : match.targets) {
    const std::string trouble = trouble_of(policy, index, target);
    if (trouble.empty()) continue;
    if (++troubled == 1) status.message = concat(target.name, ": ", trouble);
  }
  if (troubled == 0) return;
  status.phase = Phase::degraded;
  if (troubled > 1) append(status.message, concat(" (and ", troubled - 1, " more)"));
}

// What the service's limits keep away is no trouble, but is said.
void say_who_is_held_back(PolicyStatus& status, const Match& match) {
  const auto is_held_back = [](const TargetState& target) { return !target.held_back.empty(); };
  const auto count = std::ranges::count_if(match.targets, is_held_back);
  if (count == 0 || !status.message.empty()) return;
  const auto first = std::ranges::find_if(match.targets, is_held_back);
  status.message = concat(count, " of ", match.targets.size(), " containers held back, ", first->name, " because ",
                          first->held_back);
}

}  // namespace

void describe_target(TargetState& target, const policy::Record& record, const Index& index, Phase phase) {
  const bool runs = phase != Phase::stopped && phase != Phase::expired && phase != Phase::halted;
  const auto* container = index.find(target.endpoint, target.id);
  const auto* injector = injector_for(index, target);
  target.reason = runs ? trouble_of(record.policy, index, target) : "";
  // In the target's namespace: by whichever member's dice, it holds for all.
  const auto is_ours = [&](const program::Fault& fault) { return fault.policy == record.policy.name; };
  const auto is_it = [&](const ObservedCustom& custom) {
    return custom.active && is_ours(*custom.active) && container != nullptr && custom.endpoint == target.endpoint &&
           custom.target_id == index.owner(*container).container.id;
  };
  const bool of_injector =
      injector != nullptr && injector->state && std::ranges::any_of(injector->state->active, is_ours);
  const auto acted_on = [&](const ObservedAct& act) {
    return holds(act, record.policy) && act.record.endpoint == target.endpoint && act.record.container == target.id;
  };
  if (std::ranges::any_of(index.observed().customs, is_it) || of_injector ||
      std::ranges::any_of(index.observed().acts, acted_on)) {
    target.state = "active";
    // Custom images tell nothing of the kernel.
    if (injector != nullptr && injector->state) target.effects = injector->state->effects;
  } else if (!runs) {
    target.state = "idle";
  } else if (!target.reason.empty()) {
    target.state = "degraded";
  } else if (!target.held_back.empty()) {
    target.state = "held-back";
    target.reason = target.held_back;
  } else {
    // A custom image is there in its windows only; for what is done to containers themselves nothing has to be there.
    const bool ready = record.policy.failures.empty() || (injector != nullptr && injector->state);
    const auto being_done = [&](const ObservedAct& act) {
      return act.record.policy == record.policy.name && act.record.endpoint == target.endpoint &&
             act.record.container == target.id && act.record.state == store::ActState::intended;
    };
    target.state = ready && std::ranges::none_of(index.observed().acts, being_done) ? "armed" : "starting";
  }
}

PolicyStatus status_of(const policy::Record& record, const Match& match, const Desired& desired, const Index& index,
                       Time now) {
  PolicyStatus status;
  status.targets = match.targets.size() + match.down.size();
  if (record.policy.custom) {
    count_custom(status, record.policy, index.observed());
  } else {
    count_injectors(status, record, match, index);
  }
  status.active += static_cast<std::uint64_t>(
      std::ranges::count_if(index.observed().acts, [&](const ObservedAct& act) { return holds(act, record.policy); }));
  if (!record.policy.running) {
    status.phase = Phase::stopped;
    status.stopped = record.stopped;
    if (record.stopped) {
      status.message = concat("stopped by its stop_when, ", record.stopped->condition, ": ", record.stopped->evidence,
                              "; entropy start begins anew");
    }
    return status;
  }
  if (now >= policy::end_of(record)) {
    status.phase = Phase::expired;
    status.message = "its time is over; start it again to begin anew";
    return status;
  }
  if (desired.halted) {
    status.phase = Phase::halted;
    status.message = "everything is halted until `entropy resume`";
    return status;
  }
  if (record.held) {
    status.phase = Phase::waiting;
    return status;
  }
  const auto coming = policy::window_after(record.policy.schedule, now);
  if (coming) status.next_window = coming->begin;
  if (status.targets == 0) {
    status.phase = Phase::waiting;
    status.message = waiting_message(record.policy, match, index.observed());
    return status;
  }
  status.phase = status.active > 0 ? Phase::active : Phase::armed;
  set_trouble(status, record.policy, match, index);
  say_who_is_held_back(status, match);
  return status;
}

}  // namespace entropy::control
