// What becomes of each window of each target: held, failed, spared or missed.
#include <limits>
#include <set>

#include "control/namespaces.hpp"
#include "control/reconciler_runtime.hpp"

namespace entropy::control {
namespace {

// Of a policy that was over when it was seen first: nothing is to be accounted for any more.
constexpr auto all_over = std::numeric_limits<std::uint64_t>::max();

}  // namespace

struct Reconciler::Accountable {
  const policy::Record& record;
  const TargetState& state;
  std::string name;
  bool unheard = false;  // what its injector said of its windows is being read
};

void Reconciler::account_windows(const Index& index, const Plan& plan, Time now) {
  // Of a target that is away, as a service scaled down, no window is missed: it begins anew with the next sight.
  auto before = std::exchange(next_window_, {});
  const auto account = [&](const Accountable& target) {
    next_window_.insert(before.extract({target.state.endpoint, target.record.policy.name, target.name}));
    account_target(target, now);
  };
  const auto unheard = catching_up();
  for (const auto& record : desired_.policies) {
    if (!policy::is_on(record)) continue;
    FirstOfNamespace is_first(index);
    const bool of_network = record.policy.container_failures.empty();
    for (const auto& target : plan.matches.at(record.policy.name).targets) {
      const auto* container = index.find(target.endpoint, target.id);
      if (of_network && !is_first(*container)) continue;
      const bool wait = of_network && unheard.contains({target.endpoint, index.owner(*container).container.id});
      account({record, target, schedule_name(container->container), wait});
    }
    for (const auto& target : plan.matches.at(record.policy.name).down) {
      const auto& down = index.observed().down;
      const auto container = std::ranges::find_if(down, [&](const ObservedContainer& each) {
        return each.endpoint == target.endpoint && each.container.id == target.id;
      });
      account({record, target, schedule_name(container->container)});
    }
  }
}

std::string Reconciler::reason_of_miss(const Accountable& target, Time begin) const {
  if (desired_.halted) return "halted";
  const auto& [record, state, name, unheard] = target;
  const Endpoint* where = endpoint(state.endpoint);
  if ((where != nullptr && where->lost()) || !state.reason.empty()) return "unreachable";
  return acts_.is_capped({state.endpoint, record.policy.name, name, begin}) ? "cap" : "late";
}

void Reconciler::account_target(const Accountable& of, Time now) {
  const auto& [record, target, name, unheard] = of;
  // Injectors go by their hosts' clocks.
  const Endpoint* where = endpoint(target.endpoint);
  if (!record.policy.failures.empty() && where != nullptr) now += where->skew().value_or(Duration::zero());
  const policy::Schedule& schedule = record.policy.schedule;
  const Time until = now - accounting_delay;
  const auto key = std::tuple(target.endpoint, record.policy.name, name);
  const auto at = policy::window_at(schedule, now);
  const auto after = policy::window_after(schedule, now);
  const std::uint64_t current = at ? at->index : after ? after->index : all_over;
  Accounted& accounted = next_window_.try_emplace(key, schedule.epoch, current).first->second;
  if (accounted.epoch != schedule.epoch) accounted = {schedule.epoch, current};  // it began anew
  if (accounted.next == all_over || unheard) return;
  auto window = policy::window_at(
      schedule, schedule.epoch + schedule.delay +
                    schedule.frequency.value_or(Duration(0)) * static_cast<std::int64_t>(accounted.next));
  if (window && window->index < accounted.next) return;  // the only one, accounted already
  for (; window && window->end <= until; window = policy::window_after(schedule, window->begin)) {
    if (acts_.is_under_way({target.endpoint, record.policy.name, name, window->begin})) return;
    accounted.next = window->index + 1;
    const auto seen = journal_.take_seen(target.endpoint, record.policy.name, name, window->begin);
    if (seen == Journal::Seen::failure) metrics_.window(record.policy.name, WindowOutcome::failed);
    if (seen != Journal::Seen::nothing) continue;
    const bool capped = held_back(picks_, record.policy.name, name, window->index) != nullptr;
    const bool takes_part = capped || is_picked(picks_, record.policy, name, window->index);
    if (!takes_part || !policy::is_hit(schedule, record.policy.name, name, window->index)) {
      metrics_.window(record.policy.name, WindowOutcome::spared);
      continue;
    }
    const bool by_limits = capped && !desired_.halted;
    const std::string reason = by_limits ? "cap" : reason_of_miss(of, window->begin);
    bool missed = false;
    for (const auto& failure : policy::failure_names(record.policy)) {
      missed |= journal_.missed(target.endpoint, record.policy.name, name, failure, *window, reason);
    }
    if (missed) metrics_.window(record.policy.name, WindowOutcome::missed);
  }
}

}  // namespace entropy::control
