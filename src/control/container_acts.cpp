#include "control/container_acts.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.hpp"
#include "control/act_words.hpp"
#include "control/log.hpp"
#include "control/spawn.hpp"
#include "policy/policy_json.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;
using store::ActState;

constexpr Duration first_backoff = 1s;
constexpr Duration longest_backoff = 30s;
constexpr Duration time_of_docker = 400ms;  // to start what has ended again, by its restart policy

// Of a target after a signal: it goes on running if it has not ended by then. Who handles a request to end may take its
// time; any other signal ends it at once, or never.
Duration time_to_die(const failure::ContainerFailure& failure) {
  const auto* kill = std::get_if<failure::Kill>(&failure);
  if (kill == nullptr) return 10s;
  constexpr std::string_view requests[] = {"SIGTERM", "SIGINT", "SIGQUIT", "SIGKILL"};
  return std::ranges::find(requests, kill->signal.text) != std::end(requests) ? 10s : 1s;
}

program::Fault fault_of(const store::ActRecord& record, const failure::ContainerFailure& failure) {
  return {record.policy,
          record.target,
          std::string(failure::name_of(failure)),
          record.window,
          record.planned_start,
          record.planned_end.value_or(policy::never),
          record.done.value_or(Time{})};
}

Journal::Source source_of(const store::ActRecord& record) {
  return {record.endpoint, concat("act ", record.container)};
}

}  // namespace

Endpoint* ContainerActs::endpoint(const std::string& name) const { return find_endpoint(context_.endpoints, name); }

const CachedContainer* ContainerActs::find(const store::ActRecord& record) const {
  const Endpoint* where = endpoint(record.endpoint);
  if (where == nullptr) return nullptr;
  const auto found = where->containers().find(record.container);
  return found == where->containers().end() ? nullptr : &found->second;
}

ContainerActs::Act* ContainerActs::find(std::uint64_t id) {
  const auto found = acts_.find(id);
  return found == acts_.end() ? nullptr : &found->second;
}

Result<> ContainerActs::recall() {
  const auto records = context_.store.acts();
  if (!records) return fail(records.error());
  for (const auto& record : *records) {
    auto failure = read_act_failure(record.failure);
    if (!failure) return fail(context(concat("a stored act on ", record.name, " is damaged"), failure.error()));
    Act& act = acts_.emplace(record.id, Act{record, std::move(*failure)}).first->second;
    if (record.state == ActState::held && record.done) tell_start(act);
    const Duration elapsed = context_.timing.elapsed();
    if (record.state == ActState::intended) act.in_doubt_until = elapsed + longest_way;
    if (record.state == ActState::over && record.done) {
      // For how long is not known: the clock may have been set since.
      act.in_doubt_until = elapsed + longest_way;
      act.undone = true;
    }
  }
  return {};
}

void ContainerActs::observe(Observed& observed) const {
  for (const auto& [id, act] : acts_)
    observed.acts.push_back({act.record, act.failure, holds(act), act.undone, is_back(act)});
  for (const auto& due : beginning_) observed.acts.push_back({record_of(due), due.failure});
  observed.act_troubles = troubles_;
}

bool ContainerActs::is_under_way(const ActPlace& place) const {
  const auto& [endpoint_name, policy, target, begin] = place;
  const auto is_it = [&](const auto& entry) {
    const store::ActRecord& record = entry.second.record;
    return record.state == ActState::intended && record.endpoint == endpoint_name && record.policy == policy &&
           record.target == target && record.planned_start == begin;
  };
  return std::ranges::any_of(acts_, is_it) || std::ranges::any_of(beginning_, [&](const DueAct& due) {
           return due.endpoint == endpoint_name && due.fault.policy == policy && due.fault.target == target &&
                  due.fault.planned_start == begin;
         });
}

bool ContainerActs::concerns(const std::string& endpoint_name, const std::string& id) const {
  return std::ranges::any_of(acts_, [&](const auto& entry) {
    return entry.second.record.endpoint == endpoint_name && entry.second.record.container == id;
  });
}

bool ContainerActs::are_alike(const Act& one, const Act& other) {
  return place_of(one.record) == place_of(other.record) && one.failure.index() == other.failure.index();
}

std::vector<const ContainerActs::Act*> ContainerActs::sharing(const Act& act) const {
  std::vector<const Act*> others;
  for (const auto& [id, other] : acts_) {
    if (are_alike(other, act) && id != act.record.id && other.record.state != ActState::over) others.push_back(&other);
  }
  return others;
}

std::vector<failure::ContainerFailure> ContainerActs::held_beside(const Act& act) const {
  std::vector<failure::ContainerFailure> failures;
  for (const auto* other : sharing(act)) {
    if (other->record.state == ActState::held) failures.push_back(other->failure);
  }
  return failures;
}

docker::Limits ContainerActs::asked_of(const Act& act) const {
  auto failures = held_beside(act);
  failures.push_back(act.failure);
  return limited(former_from(act.record.former).limits, failures);
}

bool ContainerActs::is_in_place(const Act& act) const {
  const auto* container = find(act.record);
  if (container == nullptr) return false;
  if (std::holds_alternative<failure::Pause>(act.failure))
    return container->up && container->container().state == "paused";
  if (std::holds_alternative<failure::Stop>(act.failure)) return !container->up;
  return container->details() && in_place(container->details()->limits, asked_of(act));
}

// It is over; but should the engine do late what it was asked for, it is undone once more.
bool ContainerActs::is_kept_in_doubt(const Act& act) const {
  const bool over = act.record.state == ActState::over && !failure::is_instant(act.failure);
  return over && is_in_doubt(act) && find(act.record) != nullptr;
}

// It was seen that the engine has done it late.
bool ContainerActs::is_back(const Act& act) const {
  return is_kept_in_doubt(act) && is_in_place(act) && sharing(act).empty();
}

bool ContainerActs::may_be_back(const Act& act) const {
  const Endpoint* where = endpoint(act.record.endpoint);
  if (where == nullptr || !is_kept_in_doubt(act)) return false;
  return where->may_have_changed(act.record.container) || is_back(act);
}

bool ContainerActs::look_at_doubtful(std::string_view policy) {
  bool any = false;
  for (const auto& [id, act] : acts_) {
    Endpoint* where = endpoint(act.record.endpoint);
    const bool meant = policy.empty() || act.record.policy == policy;
    if (!meant || where == nullptr || !is_kept_in_doubt(act)) continue;
    where->look_at(act.record.container);
    any = true;
  }
  return any;
}

// And no act has to do with it any more.
bool ContainerActs::is_gone(const std::string& container) const {
  return std::ranges::none_of(context_.endpoints, [&](const auto& where) { return where->may_have(container); }) &&
         std::ranges::none_of(acts_, [&](const auto& entry) { return entry.second.record.container == container; });
}

void ContainerActs::look(const std::vector<policy::Record>& policies) {
  const auto is_unknown = [&](const std::string& policy) {
    // A policy that is gone may have left an act that can't be undone or forgotten yet.
    return std::ranges::none_of(policies, [&](const auto& each) { return each.policy.name == policy; }) &&
           std::ranges::none_of(acts_, [&](const auto& entry) { return entry.second.record.policy == policy; });
  };
  const auto is_over = [&](const std::string& policy, const std::string& container) {
    return is_unknown(policy) || is_gone(container);
  };
  std::erase_if(troubles_, [&](const auto& entry) { return is_over(entry.first.first, entry.first.second); });
  std::erase_if(told_failures_,
                [&](const auto& entry) { return is_over(std::get<0>(entry.first), std::get<1>(entry.first)); });
  constexpr Duration of_interest = 1h;
  const Time now = context_.clock.now();
  std::erase_if(capped_, [&](const auto& place) {
    return is_unknown(std::get<1>(place)) || (capped_.size() > 1000 && std::get<3>(place) + of_interest < now);
  });
  std::map<std::string, std::set<std::string>> watched;
  for (auto& [id, act] : acts_) {
    watched[act.record.endpoint].insert(act.record.container);
    const Endpoint* where = endpoint(act.record.endpoint);
    const bool can_look = where != nullptr && !where->lost() && !busy_.contains(place_of(act.record));
    if (can_look && act.record.state == ActState::held) look_at(act);
  }
  for (const auto& each : context_.endpoints) each->watch(std::move(watched[each->name()]));
}

void ContainerActs::look_at(Act& act) {
  if (failure::is_instant(act.failure)) {
    look_at_instant(act);
  } else {
    look_at_lasting(act);
  }
}

void ContainerActs::look_at_lasting(Act& act) {
  if (!seems_undone(act)) return;
  busy_[place_of(act.record)] = {act.record.policy};
  spawn(context_.timing.executor(), "looking at a container", verify_undone(act.record.id));
}

bool ContainerActs::seems_undone(Act& act) {
  if (is_in_place(act)) return false;
  const auto* container = find(act.record);
  if (container == nullptr || failure::takes_down(act.failure)) return true;
  if (!container->details()) return false;
  // What another act of ours has done halfway was nobody else.
  const auto any_alike = [&](auto is_such) {
    return std::ranges::any_of(
        acts_, [&](const auto& entry) { return are_alike(entry.second, act) && is_such(entry.second); });
  };
  if (any_alike([](const Act& other) { return other.record.state == ActState::intended; })) return false;
  // What the engine was asked for before, and does late, is set right; so is its own limit where a lower one shall be.
  const bool may_be_late = any_alike([&](const Act& other) { return is_in_doubt(other); });
  if (!may_be_late &&
      !in_place(container->details()->limits, limited(former_from(act.record.former).limits, {act.failure})))
    return true;
  act.record.state = ActState::intended;
  save(act);
  context_.wake();
  return false;
}

std::string ContainerActs::words_of_undoing(const Act& act) const {
  const auto* container = find(act.record);
  if (container == nullptr) return "its container was removed";
  if (std::holds_alternative<failure::Stop>(act.failure)) return "somebody has started it meanwhile";
  if (!std::holds_alternative<failure::Pause>(act.failure)) return "somebody has changed its limits meanwhile";
  return container->up ? "somebody has unpaused it meanwhile" : "it ended meanwhile";
}

// Whoever has the target's name and was started after the act; nullptr: nobody yet.
const CachedContainer* ContainerActs::successor(const Act& act) const {
  const Former former = former_from(act.record.former);
  for (const auto& [id, cached] : endpoint(act.record.endpoint)->containers()) {
    if (!cached.up || !cached.details() || schedule_name(cached.container()) != act.record.target) continue;
    if (id != act.record.container || cached.started_at() != former.started_at) return &cached;
  }
  return nullptr;
}

void ContainerActs::look_at_instant(Act& act) {
  const Time now = context_.clock.now();
  const auto* container = find(act.record);
  const bool is_down = container == nullptr || !container->up;
  const auto* next = successor(act);
  if (!act.record.done && (is_down || next != nullptr)) {
    act.record.done = now;  // about then; who knows
    save(act);
  }
  if (act.record.done && !act.told) tell_start(act);
  if (is_down && !act.down_since) act.down_since = context_.timing.elapsed();
  if (next != nullptr) {
    const std::string& health = next->container().health;
    if (health.empty() || health == "healthy") {
      end_by_itself(act, store::Outcome::completed, words_of_return(act.record, act.failure, *next, act.started_by_us),
                    measured_return(act.record, *next, now));
    }
    return;
  }
  if (is_down) {
    const bool due =
        container != nullptr && container->details() && context_.timing.elapsed() >= *act.down_since + time_of_docker;
    const bool restarting = container != nullptr && container->container().state == "restarting";
    if (due && !restarting && !stopped_ && std::holds_alternative<failure::Kill>(act.failure) &&
        starts_again(former_from(act.record.former), container->details()->exit_code)) {
      busy_[place_of(act.record)] = {act.record.policy};
      spawn(context_.timing.executor(), "starting a container again", start_again(act.record.id));
    }
    return;
  }
  const Time asked = act.record.done.value_or(act.record.planned_start);
  if (now < asked + time_to_die(act.failure)) return;
  if (act.record.done) return end_by_itself(act, store::Outcome::completed, words_of_survival(act.failure));
  context_.journal.failed(source_of(act.record), {fault_of(act.record, act.failure),
                                                  "it is not known whether it was done; it is not done twice"});
  end_by_itself(act, store::Outcome::failed, "");
}

void ContainerActs::hold(Act& act) {
  act.record.state = ActState::held;
  if (!act.record.done) act.record.done = context_.clock.now();
  save(act);
  tell_start(act);
  troubles_.erase({act.record.policy, act.record.container});
}

void ContainerActs::tell_start(Act& act) {
  act.told = true;
  context_.journal.started(source_of(act.record), {fault_of(act.record, act.failure), words_of(act.failure)});
}

std::optional<store::FaultRecord> ContainerActs::tell_end(Act& act, store::Outcome outcome, const std::string& message,
                                                          const std::string& measured) {
  if (!std::exchange(act.told, false)) return std::nullopt;
  return context_.journal.finished(source_of(act.record), fault_of(act.record, act.failure), outcome, message,
                                   measured);
}

void ContainerActs::end_by_itself(Act& act, store::Outcome outcome, const std::string& message,
                                  const std::string& measured) {
  (void)tell_end(act, outcome, message, measured);
  act.record.state = ActState::over;
  save(act);
  context_.wake();
}

// In memory it is as it is; were it lost with the service, the next one would look.
void ContainerActs::save(Act& act) {
  store::ActRecord row = act.record;
  // The next service shall doubt, too: of what is over, a time says so.
  const bool in_doubt = !failure::is_instant(act.failure) && is_in_doubt(act);
  if (row.state == ActState::over) {
    row.done.reset();
    if (in_doubt) row.done = context_.clock.now() + (act.in_doubt_until - context_.timing.elapsed());
  } else if (in_doubt) {
    row.state = ActState::intended;
  }
  const auto saved = context_.store.put_act(row);
  if (!saved) log::error("acts: {}", saved.error().message);
  log::debug("act {} of {} on {} {}: state {}, was {}", row.id, row.policy, row.name, row.failure,
             static_cast<int>(row.state), row.former);
}

void ContainerActs::keep_as_undoing(const Act& act) {
  if (act.record.state != ActState::held) return;
  store::ActRecord row = act.record;
  row.state = ActState::intended;
  if (const auto kept = context_.store.put_act(row); !kept) log::error("acts: {}", kept.error().message);
}

void ContainerActs::drop(std::uint64_t id) {
  log::debug("act {} of {} on {} is over", id, acts_.at(id).record.policy, acts_.at(id).record.name);
  const auto removed = context_.store.remove_act(id);
  if (removed) {
    acts_.erase(id);
    return;
  }
  log::error("acts: {}", removed.error().message);
  if (Act* act = find(id)) {  // to be tried again
    act->record.state = ActState::over;
    act->undone = true;
    note_trouble(act->record.policy, act->record.container, removed.error().message);
  }
}

void ContainerActs::note_trouble(const std::string& policy, const std::string& container, std::string message) {
  ActTrouble& trouble = troubles_[{policy, container}];
  if (trouble.message != message) log::warn("{} on {}: {}", policy, container.substr(0, 12), message);
  trouble.message = std::move(message);
  trouble.delay = std::clamp(trouble.delay * 2, first_backoff, longest_backoff);
  trouble.retry_at = context_.clock.now() + trouble.delay;
}

// Once in the history of each window, however often it is tried.
void ContainerActs::refuse(const DueAct& due, std::string message) {
  Time& told = told_failures_[{due.fault.policy, due.container, due.fault.failure}];
  if (told != due.fault.planned_start) {
    told = due.fault.planned_start;
    context_.journal.failed({due.endpoint, concat("act ", due.container)}, {due.fault, message});
  }
  note_trouble(due.fault.policy, due.container, std::move(message));
}

void ContainerActs::tell_failure(const Act& act, std::string message) {
  const store::ActRecord& record = act.record;
  refuse({record.endpoint, record.container, record.name, act.failure, fault_of(record, act.failure)},
         std::move(message));
}

void ContainerActs::give_up(const Act& act, std::string message) {
  tell_failure(act, std::move(message));
  drop(act.record.id);
}

void ContainerActs::forget_troubles(std::string_view policy) {
  std::erase_if(troubles_, [&](const auto& entry) { return entry.first.first == policy; });
}

void ContainerActs::start(const ActPlan& plan) {
  capped_.insert(plan.capped.begin(), plan.capped.end());
  const Time now = context_.clock.now();
  for (const auto& [place, planned] : plan.steps) {
    if (stopped_ || busy_.contains(place) || endpoint(place.first) == nullptr) continue;
    std::vector<ActStep> steps;
    std::set<std::string> policies;
    for (const auto& step : planned) {
      const auto* begin = std::get_if<BeginAct>(&step);
      std::string policy = begin != nullptr ? begin->due.fault.policy : "";
      if (const auto* resume = std::get_if<ResumeAct>(&step)) policy = find(resume->id)->record.policy;
      if (const auto* end = std::get_if<EndAct>(&step)) {
        const Act& over = *find(end->id);
        if (is_kept_in_doubt(over) && !is_back(over)) continue;
        policy = find(end->id)->record.policy;
      }
      const auto trouble = troubles_.find({policy, place.second});
      if (trouble != troubles_.end() && now < trouble->second.retry_at) continue;
      if (begin != nullptr) beginning_.push_back(begin->due);
      policies.insert(std::move(policy));
      steps.push_back(step);
    }
    if (steps.empty()) continue;
    busy_[place] = std::move(policies);
    spawn(context_.timing.executor(), "acting on a container", settle(place, std::move(steps)));
  }
}

void ContainerActs::clock_was_set(Time now) {
  for (auto& [key, trouble] : troubles_) trouble.retry_at = now;
}

Time ContainerActs::next_look(Time now) const {
  const Duration elapsed = context_.timing.elapsed();
  Time next = policy::never;
  for (const auto& [key, trouble] : troubles_) {
    if (trouble.retry_at > now) next = std::min(next, trouble.retry_at);
  }
  for (const auto& [id, act] : acts_) {
    const Time in_doubt_until = now + (act.in_doubt_until - elapsed);
    if (act.record.state == ActState::over && in_doubt_until > now) next = std::min(next, in_doubt_until);
    if (act.record.state != ActState::held || !failure::is_instant(act.failure)) continue;
    for (const Time at : {now + (act.down_since.value_or(elapsed) - elapsed) + time_of_docker,
                          act.record.done.value_or(act.record.planned_start) + time_to_die(act.failure)}) {
      if (at > now) next = std::min(next, at);
    }
  }
  return next == policy::never ? next : std::max(next, now + 50ms);
}

std::optional<ContainerActs::Left> ContainerActs::left(std::string_view policy) const {
  for (const auto& [place, policies] : busy_) {
    if (policy.empty() || policies.contains(std::string(policy)))
      return Left{concat("something is being done to ", place.second.substr(0, 12))};
  }
  for (const auto& [id, act] : acts_) {
    if (!policy.empty() && act.record.policy != policy) continue;
    if (failure::is_instant(act.failure)) continue;
    if (act.record.state == ActState::over && !may_be_back(act)) continue;
    const Endpoint* where = endpoint(act.record.endpoint);
    const std::string_view is_not = act.record.state == ActState::over ? " may not be" : " is not";
    const std::string what = concat(act.record.name, is_not, " what it was before ", failure::name_of(act.failure));
    if (where == nullptr)
      return Left{concat(what, ": its engine ", act.record.endpoint, " is no endpoint any more"), true};
    if (where->lost()) return Left{concat(what, ", and its engine can't be asked: ", *where->lost()), true};
    const auto trouble = troubles_.find({act.record.policy, act.record.container});
    return Left{trouble == troubles_.end() ? what : concat(what, ": ", trouble->second.message)};
  }
  return std::nullopt;
}

bool ContainerActs::holds(const Act& act) const {
  const Endpoint* where = endpoint(act.record.endpoint);
  if (!act.told || act.record.state != ActState::held || where == nullptr || !where->known()) return false;
  if (failure::takes_down(act.failure)) return true;
  const auto* container = find(act.record);  // one that does not run has its limit, and nobody feels it
  return container != nullptr && container->up;
}

std::size_t ContainerActs::active() const {
  return static_cast<std::size_t>(std::ranges::count_if(acts_, [&](const auto& entry) { return holds(entry.second); }));
}

}  // namespace entropy::control
