#include "control/plan.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/namespaces.hpp"
#include "control/peers.hpp"
#include "control/selection.hpp"
#include "failure/catalogue.hpp"

namespace entropy::control {
namespace {

// What one network namespace needs.
struct Need {
  const ObservedContainer* owner = nullptr;
  std::vector<program::Entry> entries;
};
// A policy and the containers that it is to be made real for.
struct Serving {
  const policy::Policy& policy;
  std::vector<const ObservedContainer*> containers;
  std::vector<const ObservedContainer*> down = {};  // by acts of the policy
  const PolicyPicks* picks = nullptr;               // none: all take part
};
using Needs = std::map<std::pair<std::string_view, std::string_view>, Need>;  // by endpoint and owner's id

bool runs(const policy::Record& record, Time now) {
  return policy::is_on(record) && now < policy::expiry(record.policy.schedule);
}

// Why the policy can't be served there now; empty: it can.
std::string trouble_at(const Observed& observed, const policy::Policy& policy, const std::string& container,
                       const std::string& owner) {
  const auto act = observed.act_troubles.find({policy.name, container});
  if (act != observed.act_troubles.end() && !policy.container_failures.empty()) return act->second.message;
  if (policy.failures.empty() && !policy.custom) return {};
  if (policy.custom) {
    const auto* trouble = custom_trouble(observed, policy, owner);
    return trouble == nullptr ? "" : trouble->message;
  }
  const auto failure = observed.failures.find(owner);
  return failure == observed.failures.end() ? "" : failure->second;
}

// Of the containers that the policy selects, those that are its targets are left in `serving`.
Match match(const Desired& desired, const Index& index, Serving& serving) {
  Match match;
  for (const auto* container : std::exchange(serving.containers, {})) {
    TargetState state = target_state(*container);
    auto reason = excluded(desired.rules, index, *container);
    if (!reason) reason = forbidden_failure(index, *container, policy::failure_names(serving.policy));
    if (reason) {
      state.matched = false;
      state.reason = *reason;
      match.skipped.push_back(std::move(state));
      continue;
    }
    state.reason =
        trouble_at(index.observed(), serving.policy, container->container.id, index.owner(*container).container.id);
    match.targets.push_back(std::move(state));
    serving.containers.push_back(container);
  }
  return match;
}

// Those that acts of the policy have to do with and that are not there now.
void add_down(Match& match, const Index& index, Serving& serving) {
  for (const auto& container : index.observed().down) {
    const auto concerns = [&](const ObservedAct& act) {
      return act.record.policy == serving.policy.name && act.record.endpoint == container.endpoint &&
             act.record.container == container.container.id;
    };
    const auto& acts = index.observed().acts;
    if (std::ranges::none_of(acts, concerns) || !serving.policy.selector.matches(subject_of(container))) continue;
    serving.down.push_back(&container);
    const auto holds = [&](const ObservedAct& act) { return concerns(act) && is_harming(act); };
    if (std::ranges::any_of(acts, holds)) match.down.push_back(target_state(container));
  }
}

program::Entry entry_for(const Serving& serving, const PeerResolver& peers, const ObservedContainer& container) {
  const policy::Policy& policy = serving.policy;
  program::Entry entry{policy.name, schedule_name(container.container), policy.schedule, policy.failures};
  entry.resolved = peers.for_target(container);
  if (serving.picks != nullptr) entry.picked = windows_of(*serving.picks, entry.target);
  return entry;
}

// A failure whose peers are nobody would be said to hold and disturb nothing: it waits until there is somebody.
void leave_out_those_for_nobody(program::Entry& entry, TargetState& target) {
  std::erase_if(entry.failures, [&](const failure::Failure& failure) {
    const std::string nobody = nobody_among_peers(failure, entry.resolved);
    if (nobody.empty()) return false;
    if (target.reason.empty()) {
      target.reason = concat(failure::name_of(failure),
                             " has nobody to disturb: no running container or host is meant by peers=", nobody);
    }
    return true;
  });
}

void add_needs(Needs& needs, const Desired& desired, const Index& index, const Serving& serving, Match& match) {
  const PeerResolver peers(serving.policy, index);
  for (std::size_t i = 0; i < serving.containers.size(); ++i) {
    const auto* container = serving.containers[i];
    const ObservedContainer& owner = index.owner(*container);
    Need& need = needs[{owner.endpoint, owner.container.id}];
    need.owner = &owner;
    // Two targets in one namespace: the dice of the first count, or the packets of both would suffer twice.
    const auto has_policy = [&](const program::Entry& entry) { return entry.policy == serving.policy.name; };
    if (desired.halted || std::ranges::any_of(need.entries, has_policy)) continue;
    auto entry = entry_for(serving, peers, *container);
    for (const auto& failure : entry.failures) {
      auto& reason = match.targets[i].reason;
      if (reason.empty()) reason = unresolved_among(failure, index.observed());
    }
    leave_out_those_for_nobody(entry, match.targets[i]);
    if (!entry.failures.empty()) need.entries.push_back(std::move(entry));
  }
}

// The one to keep of a namespace's injectors; the others are surplus.
const ObservedInjector* usable(const Index& index, const ObservedContainer& owner) {
  for (const auto* injector : index.injectors(owner.endpoint, owner.container.id)) {
    if (injector->running && !injector->other_version && !injector->silent && !injector->gives_way &&
        injector->target_started == owner.started_at) {
      return injector;
    }
  }
  return nullptr;
}

void serve(std::vector<Action>& actions, const ObservedInjector& injector, const Need& need) {
  if (!injector.attached) {
    actions.push_back(AttachInjector{injector.endpoint, injector.id});
  } else if (injector.sent_revision == 0 || injector.sent != need.entries) {
    actions.push_back(SendProgram{injector.endpoint, injector.id, need.entries});
  }
}

bool rolled_back(const ObservedInjector& injector) {
  return injector.sent_revision != 0 && injector.sent.empty() && injector.state &&
         injector.state->revision == injector.sent_revision && injector.state->clean;
}

// An injector that nobody needs rolls back in order before it goes; one that can't be asked is removed as it is, for
// its kernel state dies with it.
void dismiss(std::vector<Action>& actions, const Index& index, const ObservedInjector& injector, bool needed) {
  const auto* owner = index.find(injector.endpoint, injector.target_id);
  const bool same_start = owner != nullptr && owner->started_at == injector.target_started;
  if (injector.running && same_start && !needed && !injector.other_version && !injector.silent) {
    if (!injector.attached) return actions.push_back(AttachInjector{injector.endpoint, injector.id});
    if (injector.sent_revision == 0 || !injector.sent.empty()) {
      return actions.push_back(SendProgram{injector.endpoint, injector.id, {}});
    }
    if (!rolled_back(injector)) return;
  }
  std::string reason = "no policy needs it";
  if (!injector.running)
    reason = "it has ended";
  else if (owner == nullptr)
    reason = "its target is gone";
  else if (!same_start)
    reason = "its target was restarted";
  else if (injector.other_version)
    reason = "it is of another version";
  else if (injector.silent)
    reason = "it does not answer";
  else if (injector.gives_way)
    reason = "another Entropy's injector is beside its target, too";
  else if (needed)
    reason = "another injector serves its target";
  actions.push_back(RemoveInjector{injector.endpoint, injector.id, injector.target_id, std::move(reason)});
}

// Decides who takes part, where not all do. Of those who share a network the first one's dice count, and only it can be
// picked for all of them.
void pick(Plan& plan, const Desired& desired, const Index& index, Serving& serving, Time now) {
  const policy::Policy& policy = serving.policy;
  if (policy.pick.all() && !desired.rules.limits.any()) return;
  const Observed& observed = index.observed();
  Candidates candidates{{}, observed.lost.empty()};
  FirstOfNamespace is_first(index);
  for (const auto* container : serving.containers) {
    const bool has_dice = !policy.container_failures.empty() || is_first(*container);
    if (has_dice) candidates.names.insert(schedule_name(container->container));
  }
  for (const auto* container : serving.down) candidates.names.insert(schedule_name(container->container));
  serving.picks = &(plan.picks[policy.name] = decide_picks(policy, observed.picks, candidates, now));
}

struct Served {
  Serving serving;
  Match* matched;
};

// What is over, but is not read back as such yet: it takes room until then.
void add_leftovers(std::vector<Claim>& claims, const Index& index, Places& places, Time now) {
  constexpr Duration moment = std::chrono::seconds(1);
  std::set<std::tuple<std::string_view, std::string_view, std::uint64_t>> expected;
  for (const auto& claim : claims) {
    if (claim.standing == Claim::Standing::in) expected.emplace(claim.policy, claim.name, claim.window);
  }
  std::vector<Claim> leftovers;
  const auto add = [&](const program::Fault& fault, std::string_view endpoint, std::string_view target_id) {
    const auto* owner = index.find(endpoint, target_id);
    if (owner == nullptr || expected.contains({fault.policy, fault.target, fault.window})) return;
    leftovers.push_back({fault.policy, fault.target, fault.window, now, now + moment, 1, {&places.at(*owner)}});
    leftovers.back().standing = Claim::Standing::leftover;
  };
  for (const auto& injector : index.observed().injectors) {
    if (!injector.state) continue;
    for (const auto& fault : injector.state->active) add(fault, injector.endpoint, injector.target_id);
  }
  for (const auto& custom : index.observed().customs) {
    if (custom.active) add(*custom.active, custom.endpoint, custom.target_id);
  }
  for (const auto& act : index.observed().acts) {
    const store::ActRecord& row = act.record;
    if (act.holds) add({row.policy, row.target, row.failure, row.window}, row.endpoint, row.container);
  }
  claims.insert(claims.end(), leftovers.begin(), leftovers.end());
}

// Every hit that is decided on, as far as it is not over.
std::vector<Claim> claims_on_windows(const Plan& plan, const Observed& observed, const Index& index, Places& places,
                                     const std::vector<Served>& servings, Time now) {
  std::vector<Claim> claims;
  for (const auto& [serving, matched] : servings) {
    const policy::Policy& policy = serving.policy;
    auto containers = serving.containers;
    containers.insert(containers.end(), serving.down.begin(), serving.down.end());
    const auto by_name = claims_of(policy, containers, index, places);
    for (const auto& [number, names] : plan.picks.at(policy.name).windows) {
      const auto window = policy::window_number(policy.schedule, number);
      if (!window || window->end <= now) continue;
      for (const auto& [name, claim] : by_name) {
        if (!names.contains(name) || !policy::is_hit(policy.schedule, policy.name, name, number)) continue;
        claims.push_back(claim_on(claim, policy, *window));
        const bool is_in = window->begin <= now && was_let_in(observed.picks, policy, name, number);
        if (is_in) claims.back().standing = Claim::Standing::in;
      }
    }
  }
  return claims;
}

// Applies the service's limits to who takes part.
void hold_back(Plan& plan, const Desired& desired, const Index& index, std::vector<Served>& servings, Time now) {
  Places places(index, desired.rules.limits);
  auto claims = claims_on_windows(plan, index.observed(), index, places, servings, now);
  for (const auto& claim : claims) plan.picks.at(claim.policy).held_back.erase(claim.window);
  add_leftovers(claims, index, places, now);
  admit(desired.rules.limits, claims, now);
  for (auto& claim : claims) {
    const bool in_time = claim.let_in && *claim.let_in <= std::max(now, claim.begin);
    const auto picks = plan.picks.find(claim.policy);
    if (in_time || picks == plan.picks.end()) continue;
    picks->second.held_back[claim.window][claim.name] = std::move(claim.held_back);
    if (claim.let_in) plan.next_let_in = std::min(plan.next_let_in, *claim.let_in);
  }
  for (auto& [serving, matched] : servings) {
    const auto current = policy::window_at(serving.policy.schedule, now);
    if (!current) continue;
    for (std::size_t i = 0; i < serving.containers.size(); ++i) {
      const std::string name = schedule_name(serving.containers[i]->container);
      const auto* reason = held_back(plan.picks, serving.policy.name, name, current->index);
      if (reason != nullptr) matched->targets[i].held_back = *reason;
    }
  }
}

}  // namespace

Plan plan(const Desired& desired, const Index& index, Time now) {
  const Observed& observed = index.observed();
  Plan plan;
  Needs needs;
  CustomRuns due;
  std::vector<DueAct> due_acts;
  std::vector<Served> servings;
  const Selection selection(observed.containers, desired.policies);
  for (const auto& record : desired.policies) {
    Serving serving{record.policy, selection.of(record.policy.selector)};
    Match& matched = plan.matches[record.policy.name] = match(desired, index, serving);
    if (!record.policy.container_failures.empty()) add_down(matched, index, serving);
    if (!runs(record, now)) continue;
    pick(plan, desired, index, serving, now);
    servings.push_back({std::move(serving), &matched});
  }
  if (desired.rules.limits.any() && !desired.halted) hold_back(plan, desired, index, servings, now);
  for (auto& [serving, matched] : servings) {
    for (const auto* containers : {&serving.containers, &serving.down}) {
      if (desired.halted) break;
      for (const auto* each : *containers) add_due_acts(due_acts, plan.picks, serving.policy, *each, now);
    }
    if (!serving.policy.failures.empty()) {
      add_needs(needs, desired, index, serving, *matched);
    } else if (serving.policy.custom && !desired.halted) {
      FirstOfNamespace is_first(index);
      for (const auto* container : serving.containers) {
        if (is_first(*container)) add_custom_run(due, index, plan.picks, serving.policy, *container, now);
      }
    }
  }
  plan.custom = plan_custom(due, observed, now);
  plan.acts = plan_acts(due_acts, desired, index, now);
  std::unordered_set<const ObservedInjector*> kept;
  for (const auto& [key, need] : needs) {
    const ObservedContainer& owner = *need.owner;
    if (observed.lost.contains(owner.endpoint)) continue;
    const auto* injector = usable(index, owner);
    if (injector != nullptr) {
      kept.insert(injector);
      serve(plan.actions, *injector, need);
    } else if (!desired.halted) {
      plan.actions.push_back(
          CreateInjector{owner.endpoint, owner.container.id, owner.container.name, owner.started_at, need.entries});
    }
  }
  for (const auto& injector : observed.injectors) {
    if (kept.contains(&injector) || observed.lost.contains(injector.endpoint)) continue;
    dismiss(plan.actions, index, injector, needs.contains({injector.endpoint, injector.target_id}));
  }
  return plan;
}

}  // namespace entropy::control
