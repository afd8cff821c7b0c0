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
    // The latest windows that are over are still to be accounted for.
    const std::uint64_t kept_from = first - std::min(first, last - first);
    for (const auto& [window, names] : known->windows) {
      if (window >= kept_from && window < first) decided.windows.emplace(window, names);
    }
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
    const bool open = !known->complete || !candidates.complete || !policy.schedule.frequency;
    decided.windows.emplace(window, open ? choose(names) : names);
  }
  return decided;
}

std::vector<std::uint64_t> windows_of(const PolicyPicks& picks, const std::string& name) {
  std::vector<std::uint64_t> windows;
  for (const auto& [window, names] : picks.windows) {
    if (names.contains(name)) windows.push_back(window);
  }
  return windows;
}

bool is_picked(const Picks& picks, const policy::Policy& policy, const std::string& name, std::uint64_t window) {
  if (policy.pick.all()) return true;
  const auto found = picks.find(policy.name);
  if (found == picks.end()) return false;
  const auto decided = found->second.windows.find(window);
  return decided != found->second.windows.end() && decided->second.contains(name);
}

}  // namespace entropy::control
