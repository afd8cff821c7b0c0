#include "injector/decide.hpp"

#include <algorithm>

namespace entropy::injector {

bool Due::same_as(const Due& other) const {
  return policy == other.policy && target == other.target && failure == other.failure &&
         window.index == other.window.index && window.begin == other.window.begin;
}

bool contains(const std::vector<Due>& faults, const Due& fault) {
  return std::ranges::any_of(faults, [&](const Due& each) { return each.same_as(fault); });
}

namespace {

bool takes_part(const program::Entry& entry, std::uint64_t window) {
  return !entry.picked || std::ranges::find(*entry.picked, window) != entry.picked->end();
}

}  // namespace

Decision decide(const program::Program& program, Time now, Flags flags) {
  Decision decision;
  if (flags.paused || !flags.leased) return decision;
  for (const auto& entry : program.entries) {
    decision.next = std::min(decision.next, policy::next_change(entry.schedule, now));
    const auto window = policy::window_at(entry.schedule, now);
    if (!window || !takes_part(entry, window->index)) continue;
    if (!policy::is_hit(entry.schedule, entry.policy, entry.target, window->index)) continue;
    for (const auto& failure : entry.failures) {
      Due fault{entry.policy, entry.target, failure, *window, entry.resolved};
      if (!contains(decision.faults, fault)) decision.faults.push_back(std::move(fault));
    }
  }
  return decision;
}

}  // namespace entropy::injector
