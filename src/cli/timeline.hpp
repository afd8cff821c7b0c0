// Windows on a line of text: what held, what was spared or missed, and what will be. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/schedule.hpp"

namespace entropy::cli {

// One policy on one container.
struct Lane {
  std::string policy;
  std::string target;
  // Says where windows are that were spared, or will be; none of a policy that is no longer there.
  std::optional<policy::Schedule> schedule;
  Time until = policy::never;  // since when the policy does not run
  struct Stretch {
    enum class Kind { held, missed, foreseen };
    Kind kind = Kind::held;
    Time begin;
    Time end;
  };
  std::vector<Stretch> stretches;
};

struct TimelineRange {
  Time from;
  Time now;
  Time until;
};

// As wide as `width` columns (at least 60). A column shows the worst that happened in it.
std::string draw_timeline(const std::vector<Lane>& lanes, const TimelineRange& range, std::size_t width);

}  // namespace entropy::cli
