#include "injector/attribution.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace entropy::injector {
namespace {

using Kinds = std::array<std::string_view, 3>;
constexpr Kinds losing = {failure::Loss::name, failure::Partition::name, failure::RateLimit::name};
constexpr Kinds holding = {failure::Latency::name, failure::Reorder::name, failure::RateLimit::name};

bool is_of(const std::string& part, const Kinds& kinds) {
  const std::string_view kind = std::string_view(part).substr(part.rfind('/') + 1);
  return std::ranges::find(kinds, kind) != kinds.end();
}

// Whether it is the doing of `mine`, of a class that several are for.
bool is_doing_of(const std::string& mine, const std::vector<std::string>& parts, const Kinds& kinds) {
  return is_of(mine, kinds) || std::ranges::none_of(parts, [&](const auto& part) { return is_of(part, kinds); });
}

}  // namespace

Sample share_of(const Part& part, const kernel::Tally& tally, const std::vector<kernel::TcpConnection>& connections) {
  Sample sample;
  const std::string mine = name_of(part);
  for (const auto& [name, counters] : tally) {
    const auto parts = parts_in(name);
    if (std::ranges::find(parts, mine) == parts.end()) continue;
    kernel::Counters own = counters;
    if (!is_doing_of(mine, parts, losing)) own.dropped = 0;
    if (!is_doing_of(mine, parts, holding)) own.delayed = 0;
    if (!mine.ends_with(concat('/', failure::Duplicate::name))) own.duplicated = 0;
    add(sample.counters, own);
  }
  const auto match = match_of(part);
  for (const auto& connection : connections) {
    if (match && fits(*match, connection)) sample.connections.push_back(connection);
  }
  return sample;
}

}  // namespace entropy::injector
