#include "policy/schedule.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace entropy::policy {
namespace {

Time first_begin(const Schedule& schedule) { return schedule.epoch + schedule.delay; }

// Before the expiry is applied; none where the policy has fewer windows.
std::optional<Window> unclipped(const Schedule& schedule, std::uint64_t k) {
  if (!schedule.frequency) {
    if (k != 0) return std::nullopt;
    const Time begin = first_begin(schedule);
    return Window{0, begin, schedule.duration ? begin + *schedule.duration : never};
  }
  if (schedule.windows && k >= *schedule.windows) return std::nullopt;
  const Time begin = first_begin(schedule) + *schedule.frequency * static_cast<std::int64_t>(k);
  return Window{k, begin, begin + schedule.duration.value_or(*schedule.frequency)};
}

std::optional<Window> clipped(const Schedule& schedule, std::optional<Window> window) {
  if (!window) return std::nullopt;
  window->end = std::min(window->end, expiry(schedule));
  if (window->begin >= window->end) return std::nullopt;
  return window;
}

// The slot that now falls into: windows and the gaps behind them. Only after the first begin.
std::uint64_t slot_at(const Schedule& schedule, Time now) {
  if (!schedule.frequency) return 0;
  return static_cast<std::uint64_t>((now - first_begin(schedule)) / *schedule.frequency);
}

}  // namespace

Time expiry(const Schedule& schedule) {
  Time end = never;
  if (schedule.ttl) end = schedule.epoch + *schedule.ttl;
  if (!schedule.frequency && schedule.duration) end = std::min(end, first_begin(schedule) + *schedule.duration);
  if (schedule.frequency && schedule.windows && *schedule.windows > 0) {
    // Beyond this many windows the last one lies after `never`.
    const auto countable = static_cast<std::uint64_t>((never - first_begin(schedule)) / *schedule.frequency);
    if (*schedule.windows >= countable) return end;
    end = std::min(end, unclipped(schedule, *schedule.windows - 1)->end);
  }
  return end;
}

std::optional<Window> window_number(const Schedule& schedule, std::uint64_t k) {
  return clipped(schedule, unclipped(schedule, k));
}

std::optional<Window> window_at(const Schedule& schedule, Time now) {
  if (now < first_begin(schedule)) return std::nullopt;
  const auto window = clipped(schedule, unclipped(schedule, slot_at(schedule, now)));
  if (!window || now >= window->end) return std::nullopt;
  return window;
}

std::optional<Window> window_after(const Schedule& schedule, Time now) {
  if (now < first_begin(schedule)) return clipped(schedule, unclipped(schedule, 0));
  return clipped(schedule, unclipped(schedule, slot_at(schedule, now) + 1));
}

bool is_hit(const Schedule& schedule, std::string_view policy, std::string_view target, std::uint64_t window) {
  return Hash().number(schedule.seed).text("u").text(policy).text(target).number(window).unit() < schedule.probability;
}

Time next_change(const Schedule& schedule, Time now) {
  const auto current = window_at(schedule, now);
  const auto coming = window_after(schedule, now);
  const Time end = current ? current->end : never;
  return coming ? std::min(end, coming->begin) : end;
}

std::vector<Window> hits_between(const Schedule& schedule, std::string_view policy, std::string_view target, Time from,
                                 Time until, std::size_t limit,
                                 const std::function<bool(std::uint64_t window)>& takes_part) {
  // A policy that hits once in a million windows shall not cost a scan without end.
  constexpr std::size_t most_windows = 100'000;
  std::vector<Window> hits;
  auto window = window_at(schedule, from);
  if (!window) window = window_after(schedule, from);
  for (std::size_t seen = 0; window && window->begin < until && hits.size() < limit && seen < most_windows; ++seen) {
    const bool hit = is_hit(schedule, policy, target, window->index);
    if (hit && (!takes_part || takes_part(window->index))) hits.push_back(*window);
    window = window_after(schedule, window->begin);
  }
  return hits;
}

}  // namespace entropy::policy
