#include "control/custom_plan.hpp"

#include <algorithm>
#include <set>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "control/namespaces.hpp"
#include "control/plan.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;

constexpr Duration longest_run = 1h;
constexpr Duration least_rest = 1s;  // of a window; for less it is not worth while to start

std::string key_of(const CustomRun& run) {
  const auto count = [](Time time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); };
  return concat(content_of(run.custom), ".",
                Hash()
                    .number(run.seed)
                    .number(run.fault.window)
                    .number(count(run.fault.planned_start))
                    .number(count(run.until))
                    .value());
}

bool must_wait(const Observed& observed, const CustomRun& run, Time now) {
  const auto found = observed.custom_troubles.find({run.fault.policy, run.target_id});
  return found != observed.custom_troubles.end() && found->second.content == content_of(run.custom) &&
         now < found->second.retry_at;
}

// Why it can't go on as it is; empty: it can.
std::string misfit(const ObservedCustom& custom, const CustomRun& run) {
  if (custom.failed) return "it failed";
  if (custom.key != run.key) return "its window is over";
  if (!run.target_started.empty() && custom.target_started != run.target_started) return "its target was restarted";
  return {};
}

void serve(std::vector<CustomAction>& actions, const Observed& observed, const ObservedCustom& custom,
           const CustomRun& run, Time now) {
  if (!custom.ended && !custom.followed) return actions.push_back(FollowCustom{custom.endpoint, custom.id});
  const std::string reason = misfit(custom, run);
  if (!custom.ended) {
    if (!reason.empty() && custom.running) actions.push_back(StopCustom{custom.endpoint, custom.id, reason});
    return;
  }
  // One that has ended well by itself has done its part of the window; one that failed is left for people to look at.
  const bool stays = custom.failed ? must_wait(observed, run, now) : reason.empty() && !custom.ending;
  if (!stays) actions.push_back(RemoveCustom{custom.endpoint, custom.id});
}

void dismiss(std::vector<CustomAction>& actions, const ObservedCustom& custom) {
  if (!custom.ended && !custom.followed) return actions.push_back(FollowCustom{custom.endpoint, custom.id});
  if (custom.ended) return actions.push_back(RemoveCustom{custom.endpoint, custom.id});
  if (custom.running) actions.push_back(StopCustom{custom.endpoint, custom.id, "its window is over"});
}

}  // namespace

std::string content_of(const policy::CustomFailure& custom) {
  return concat(Hash().text(custom.image).text(custom.name).text(custom.parameters).value());
}

std::string content_of(std::string_view key) { return std::string(key.substr(0, key.find('.'))); }

std::optional<CustomWindow> custom_window(const policy::Schedule& schedule, Time now) {
  const auto window = policy::window_at(schedule, now);
  if (!window) return std::nullopt;
  if (window->end != policy::never) return CustomWindow{*window, window->end};
  const auto runs_before = (now - window->begin) / longest_run;
  return CustomWindow{*window, window->begin + (runs_before + 1) * longest_run};
}

Time next_custom_change(const policy::Schedule& schedule, Time now) {
  const auto current = custom_window(schedule, now);
  const Time next = policy::next_change(schedule, now);
  return current ? std::min(next, current->until) : next;
}

void add_custom_run(CustomRuns& due, const Index& index, const Picks& picks, const policy::Policy& policy,
                    const ObservedContainer& container, Time now) {
  const auto current = custom_window(policy.schedule, now);
  const std::string name = schedule_name(container.container);
  if (!current || !policy::is_hit(policy.schedule, policy.name, name, current->window.index)) return;
  if (!is_picked(picks, policy, name, current->window.index)) return;
  const auto& [number, begin, end] = current->window;
  const ObservedContainer& owner = index.owner(container);
  CustomRun run{container.endpoint,
                owner.container.id,
                owner.container.name,
                owner.started_at,
                *policy.custom,
                policy.schedule.seed,
                {policy.name, name, policy.custom->name, number, begin, end},
                end == policy::never ? longest_run : end - begin,
                current->until,
                ""};
  run.key = key_of(run);
  due.try_emplace({run.endpoint, policy.name, run.target_id}, std::move(run));
}

std::vector<CustomAction> plan_custom(const CustomRuns& due, const Observed& observed, Time now) {
  std::vector<CustomAction> actions;
  std::set<CustomPlace> served;
  for (const auto& custom : observed.customs) {
    if (observed.lost.contains(custom.endpoint)) continue;
    const auto found = due.find({custom.endpoint, custom.policy, custom.target_id});
    if (found == due.end()) {
      dismiss(actions, custom);
    } else {
      served.insert(found->first);
      serve(actions, observed, custom, found->second, now);
    }
  }
  for (const auto& [place, run] : due) {
    if (observed.lost.contains(run.endpoint) || served.contains(place) || must_wait(observed, run, now)) continue;
    if (run.until - now >= least_rest) actions.push_back(CreateCustom{run});
  }
  return actions;
}

bool custom_unsettled(const Observed& observed, const Plan& plan, std::string_view policy) {
  const auto being_made = [&](const CustomAction& action) {
    const auto* make = std::get_if<CreateCustom>(&action);
    return make != nullptr && make->run.fault.policy == policy;
  };
  // One that is to be ended or removed makes way for another.
  const auto in_motion = [&](const ObservedCustom& custom) {
    if (custom.policy != policy) return false;
    const auto concerns = [&](const auto& action) {
      if constexpr (requires { action.id; }) return action.id == custom.id;
      return false;
    };
    const auto is_concerned = [&](const CustomAction& action) { return std::visit(concerns, action); };
    const bool changing = !custom.ended && (!custom.said || custom.failed || custom.ending);
    return changing || std::ranges::any_of(plan.custom, is_concerned);
  };
  return std::ranges::any_of(plan.custom, being_made) || std::ranges::any_of(observed.customs, in_motion);
}

const CustomTrouble* custom_trouble(const Observed& observed, const policy::Policy& policy, const std::string& target) {
  const auto found = observed.custom_troubles.find({policy.name, target});
  if (found == observed.custom_troubles.end() || !policy.custom) return nullptr;
  if (found->second.content != content_of(*policy.custom)) return nullptr;
  return found->second.message.empty() ? nullptr : &found->second;
}

}  // namespace entropy::control
