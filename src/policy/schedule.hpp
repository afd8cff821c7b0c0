// When a policy's failures hold: a pure function of the policy, the target's name and the time, the same in the
// manager, the injector and any forecast.
//
// Window k begins at epoch + delay + k·frequency and holds for `duration` where the dice say so. Without a frequency
// there is one window, number 0, from the beginning on: for `duration`, or until the policy is stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/units.hpp"

namespace entropy::policy {

struct Schedule {
  Time epoch{};  // set by the service: at create, at start, and when frequency, delay or seed change
  Duration delay{0};
  std::optional<Duration> frequency;
  std::optional<Duration> duration;      // none: as long as frequency, or without end
  std::optional<Duration> ttl;           // counted from epoch
  std::optional<std::uint64_t> windows;  // so many windows
  double probability = 1;
  std::uint64_t seed = 0;  // at most 53 bits, so that every JSON reader keeps it
  bool operator==(const Schedule&) const = default;
};

inline constexpr Time never = Time::max();

struct Window {
  std::uint64_t index = 0;
  Time begin;
  Time end;  // `never` where there is no end
  bool operator==(const Window&) const = default;
};

// The end of the whole policy: its ttl, its last window, or the one window's duration; `never` if none is set.
Time expiry(const Schedule& schedule);

// The window that holds now (begin <= now < end), whatever the dice say; none between windows, before the first and
// after the policy's expiry. A window never reaches beyond the expiry.
std::optional<Window> window_at(const Schedule& schedule, Time now);

// The k-th window; none where the policy has fewer.
std::optional<Window> window_number(const Schedule& schedule, std::uint64_t k);

// The first window that begins after now.
std::optional<Window> window_after(const Schedule& schedule, Time now);

// The dice of one window and target: hit iff u(seed, policy, target, k) < probability, where u is the Hash of the
// seed, "u", the policy's name, the target's name and k, as a number in [0, 1).
bool is_hit(const Schedule& schedule, std::string_view policy, std::string_view target, std::uint64_t window);

// When the answer of `window_at` changes next: the end of the current window or the beginning of the coming one.
Time next_change(const Schedule& schedule, Time now);

// The hit windows of a target that touch [from, until), in order; at most `limit`, and only those that `takes_part`
// holds for, if it is given.
std::vector<Window> hits_between(const Schedule& schedule, std::string_view policy, std::string_view target, Time from,
                                 Time until, std::size_t limit,
                                 const std::function<bool(std::uint64_t window)>& takes_part = {});

}  // namespace entropy::policy
