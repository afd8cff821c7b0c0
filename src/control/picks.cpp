#include "control/picks.hpp"

#include <algorithm>

namespace entropy::control {
namespace {

const PolicyPicks* still_valid(const policy::Policy& policy, const Picks& before) {
  const auto found = before.find(policy.name);
  if (found == before.end()) return nullptr;
  const bool same = found->second.epoch == policy.schedule.epoch && found->second.pick == policy.pick;
  return same ? &found->second : nullptr;
}

bool has_begun(const policy::Schedule& schedule, std::uint64_t window, Time now) {
  const Duration step = schedule.frequency.value_or(Duration::zero());
  return schedule.epoch + schedule.delay + step * static_cast<std::int64_t>(window) <= now;
}

}  // namespace

PolicyPicks decide_picks(const policy::Policy& policy, const Picks& before, const Candidates& candidates, Time now) {
  PolicyPicks decided{policy.schedule.epoch, policy.pick, candidates.complete, {}};
  const auto [first, last] = policy::horizon_at(policy.schedule, now);
  const PolicyPicks* known = still_valid(policy, before);
  if (known != nullptr) {
    // The latest windows that are over are still to be accounted for, though none may come any more.
    const bool none_comes = first == last;
    const std::uint64_t kept_from = first - std::min(first, last - first);
    for (const auto& [window, names] : known->windows) {
      if (window >= kept_from && (window < first || none_comes)) decided.windows.emplace(window, names);
    }
    decided.held_back = known->held_back;
    std::erase_if(decided.held_back, [&](const auto& entry) { return entry.first < kept_from; });
  }
  for (std::uint64_t window = first; window < last; ++window) {
    const auto choose = [&](const std::set<std::string>& kept) {
      return policy::picked(policy.pick, policy.schedule.seed, policy.name, window, candidates.names, kept);
    };
    const bool decided_before = known != nullptr && known->windows.contains(window);
    if (!decided_before || !has_begun(policy.schedule, window, now)) {
      decided.windows.emplace(window, choose({}));
      continue;
    }
    const auto& names = known->windows.at(window);
    if (policy.pick.all()) {
      decided.windows.emplace(window, candidates.names).first->second.insert(names.begin(), names.end());
      continue;
    }
    const bool open = !known->complete || !candidates.complete || !policy.schedule.frequency;
    decided.windows.emplace(window, open ? choose(names) : names);
  }
  return decided;
}

Picks recalled_picks(const std::vector<policy::Record>& policies, const std::vector<store::FaultRecord>& open) {
  Picks picks;
  for (const auto& record : policies) {
    const policy::Policy& policy = record.policy;
    PolicyPicks recalled{policy.schedule.epoch, policy.pick, false, {}};
    for (const auto& fault : open) {
      if (fault.policy != policy.name) continue;
      const auto window = policy::window_number(policy.schedule, fault.window);
      if (window && window->begin == fault.planned_start) recalled.windows[fault.window].insert(fault.target);
    }
    if (!recalled.windows.empty()) picks.emplace(policy.name, std::move(recalled));
  }
  return picks;
}

std::vector<std::uint64_t> windows_of(const PolicyPicks& picks, const std::string& name) {
  std::vector<std::uint64_t> windows;
  for (const auto& [window, names] : picks.windows) {
    const auto limited = picks.held_back.find(window);
    const bool is_held_back = limited != picks.held_back.end() && limited->second.contains(name);
    if (names.contains(name) && !is_held_back) windows.push_back(window);
  }
  return windows;
}

const std::string* held_back(const Picks& picks, std::string_view policy, const std::string& name,
                             std::uint64_t window) {
  const auto found = picks.find(std::string(policy));
  if (found == picks.end()) return nullptr;
  const auto limited = found->second.held_back.find(window);
  if (limited == found->second.held_back.end()) return nullptr;
  const auto reason = limited->second.find(name);
  return reason == limited->second.end() ? nullptr : &reason->second;
}

bool was_let_in(const Picks& before, const policy::Policy& policy, const std::string& name, std::uint64_t window) {
  const auto* known = still_valid(policy, before);
  if (known == nullptr || held_back(before, policy.name, name, window) != nullptr) return false;
  const auto names = known->windows.find(window);
  return names != known->windows.end() && names->second.contains(name);
}

bool is_picked(const Picks& picks, const policy::Policy& policy, const std::string& name, std::uint64_t window) {
  if (held_back(picks, policy.name, name, window) != nullptr) return false;
  if (policy.pick.all()) return true;
  const auto found = picks.find(policy.name);
  if (found == picks.end()) return false;
  const auto decided = found->second.windows.find(window);
  return decided != found->second.windows.end() && decided->second.contains(name);
}

}  // namespace entropy::control
