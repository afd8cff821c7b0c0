// Which of the matching targets take part in a window: all, so many of them, or a share of them. The dice (is_hit) are
// rolled on top. A pure function, the same on every machine.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "policy/schedule.hpp"

namespace entropy::policy {

// Both empty: all.
struct Pick {
  std::optional<std::uint64_t> count;
  std::optional<double> share;  // more than 0, at most 1; rounded up to whole targets
  bool all() const { return !count && !share; }
  bool operator==(const Pick&) const = default;
};

// "all", "2", "50%".
Result<Pick> parse_pick(std::string_view text);
std::string print_pick(const Pick& pick);

// So many of `targets` take part.
std::size_t pick_size(const Pick& pick, std::size_t targets);

// The targets with the smallest v(seed, policy, target, k), where v is the Hash of the seed, "v", the policy's name,
// the target's name and k; those of `kept` first, who are in whatever their v.
std::set<std::string> picked(const Pick& pick, std::uint64_t seed, std::string_view policy, std::uint64_t window,
                             const std::set<std::string>& targets, const std::set<std::string>& kept = {});

// The windows that the service decides on ahead of time, [first, last): all that begin within some twenty seconds, and
// some more; changes only every ten seconds or so, and with every window where these are longer.
struct Horizon {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
Horizon horizon_at(const Schedule& schedule, Time now);

}  // namespace entropy::policy
