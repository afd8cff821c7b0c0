#include "policy/pick.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace entropy::policy {

Result<Pick> parse_pick(std::string_view text) {
  constexpr std::uint64_t most = 1'000'000;
  if (text == "all") return Pick{};
  if (text.ends_with('%')) {
    const auto share = parse_probability(text);
    if (share && *share > 0) return Pick{{}, *share};
  } else if (const auto count = parse_unsigned(text); count && *count > 0 && *count <= most) {
    return Pick{*count, {}};
  }
  return fail(ErrorCode::invalid, concat(quoted(text.substr(0, 80)),
                                         " is no pick: \"all\", a number of targets (2), or a share of them (50%)"));
}

namespace {

std::string percentage_of(double share) {
  // 0.07 * 100 is a little more than 7.
  const double rounded = std::round(share * 1e14) / 1e12;
  return concat(to_string(rounded / 100 == share ? rounded : share * 100), "%");
}

}  // namespace

std::string print_pick(const Pick& pick) {
  if (pick.count) return concat(*pick.count);
  return pick.share ? percentage_of(*pick.share) : "all";
}

std::size_t pick_size(const Pick& pick, std::size_t targets) {
  if (pick.count) return std::min<std::size_t>(*pick.count, targets);
  if (!pick.share) return targets;
  // What 0.1 * 30 has beyond 3 is no thirty-first target.
  constexpr double noise = 1e-9;
  return std::min(static_cast<std::size_t>(std::ceil(*pick.share * static_cast<double>(targets) - noise)), targets);
}

std::set<std::string> picked(const Pick& pick, std::uint64_t seed, std::string_view policy, std::uint64_t window,
                             const std::set<std::string>& targets, const std::set<std::string>& kept) {
  if (pick.all()) return targets;
  std::set<std::string> chosen = kept;
  const std::size_t size = pick_size(pick, targets.size());
  std::vector<std::pair<std::uint64_t, std::string>> others;
  for (const auto& target : targets) {
    if (chosen.contains(target)) continue;
    others.emplace_back(Hash().number(seed).text("v").text(policy).text(target).number(window).value(), target);
  }
  std::ranges::sort(others);
  for (const auto& [v, target] : others) {
    if (chosen.size() >= size) break;
    chosen.insert(target);
  }
  return chosen;
}

Horizon horizon_at(const Schedule& schedule, Time now) {
  constexpr Duration ahead = std::chrono::seconds(10);
  if (!schedule.frequency) return {0, 1};
  const auto at = window_at(schedule, now);
  const auto coming = at ? at : window_after(schedule, now);
  if (!coming) return {};
  const auto block = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(ahead / *schedule.frequency));
  const std::uint64_t first = coming->index / block * block;
  std::uint64_t last = first + 2 * block;
  if (schedule.windows) last = std::min(last, *schedule.windows);
  return {first, last};
}

}  // namespace entropy::policy
