#include "injector/merge.hpp"

#include <algorithm>
#include <bit>

#include "base/text.hpp"
#include "failure/catalogue.hpp"
#include "injector/effects.hpp"

namespace entropy::injector {
namespace {

using kernel::Addresses;
using kernel::Match;

// Which of the filters a packet fits, one bit each.
using Mask = std::uint64_t;
constexpr std::size_t most_filters = 64;
// Beyond this many ways to overlap nothing can come of it, and it would take long to find out.
constexpr std::size_t most_overlaps = 4096;

struct Filtered {
  Match match;
  std::vector<const Part*> parts;
};
struct Overlap {
  Mask filters = 0;
  Match match;
};

Addresses addresses_of(const std::vector<failure::Peer>& peers, const program::Resolved& resolved) {
  std::vector<Prefix> all;
  for (const auto& peer : peers) {
    if (failure::kind_of(peer) == failure::PeerKind::network) {
      all.push_back(*parse_prefix(peer.text));
    } else if (const auto found = resolved.find(peer.text); found != resolved.end()) {
      all.insert(all.end(), found->second.begin(), found->second.end());
    }
  }
  return Addresses::of(all);
}

kernel::Transport transport_of(const std::optional<failure::Protocol>& protocol) {
  if (!protocol) return kernel::Transport::any;
  switch (*protocol) {
    case failure::Protocol::tcp:
      return kernel::Transport::tcp;
    case failure::Protocol::udp:
      return kernel::Transport::udp;
    case failure::Protocol::icmp:
      return kernel::Transport::icmp;
  }
  return kernel::Transport::any;
}

// Nullopt: nobody is meant now.
std::optional<Match> match_of(const Part& part) {
  const failure::Filter& filter = failure::filter_of(part.failure);
  Match match;
  if (!filter.peers.empty()) match.peers = addresses_of(filter.peers, part.resolved);
  if (!filter.exclude.empty()) match.peers = without(match.peers, addresses_of(filter.exclude, part.resolved));
  if (match.peers.empty()) return std::nullopt;
  match.transport = transport_of(filter.protocol);
  kernel::PortRanges ports;
  for (const auto& range : filter.ports) ports.push_back({range.first, range.last});
  std::ranges::sort(ports);
  if (!ports.empty()) match.ports.push_back(joined(std::move(ports)));
  for (const auto& interface : filter.interfaces) match.interfaces.push_back(interface.name);
  std::ranges::sort(match.interfaces);
  match.interfaces.erase(std::ranges::unique(match.interfaces).begin(), match.interfaces.end());
  return match;
}

bool goes(const Part& part, failure::Direction direction) {
  const auto asked = failure::filter_of(part.failure).direction;
  return asked == direction || asked == failure::Direction::both;
}

std::vector<Filtered> filters_of(const std::vector<Part>& parts, failure::Direction direction) {
  std::vector<Filtered> filters;
  for (const auto& part : parts) {
    if (!goes(part, direction)) continue;
    const auto match = match_of(part);
    if (!match) continue;
    auto same = std::ranges::find(filters, *match, &Filtered::match);
    if (same == filters.end()) same = filters.insert(filters.end(), Filtered{*match, {}});
    same->parts.push_back(&part);
  }
  return filters;
}

// Every way to be in some of the filters that any packet can go; nullopt if there are too many.
std::optional<std::vector<Overlap>> overlaps_of(const std::vector<Filtered>& filters) {
  if (filters.size() > most_filters) return std::nullopt;
  std::vector<Overlap> overlaps;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const Mask bit = Mask{1} << i;
    const std::size_t before = overlaps.size();
    overlaps.push_back({bit, filters[i].match});
    for (std::size_t j = 0; j < before; ++j) {
      auto common = both(overlaps[j].match, filters[i].match);
      if (common) overlaps.push_back({overlaps[j].filters | bit, std::move(*common)});
      if (overlaps.size() > most_overlaps) return std::nullopt;
    }
  }
  return overlaps;
}

// Whether all packets of one overlap are in a narrower one, which goes before it.
bool is_within_narrower(const Overlap& overlap, const std::vector<Overlap>& all) {
  return std::ranges::any_of(all, [&](const Overlap& other) {
    return other.filters != overlap.filters && (other.filters & overlap.filters) == overlap.filters &&
           other.match == overlap.match;
  });
}

std::string name_of(const std::vector<const Part*>& parts) {
  std::vector<std::string> names;
  for (const auto* part : parts) names.push_back(concat(part->policy, "/", failure::name_of(part->failure)));
  return join(names, " + ");
}

struct Merged {
  kernel::Class whole;
  std::vector<const Part*> parts;
};

Result<std::vector<Merged>> merge_direction(const std::vector<Part>& parts, failure::Direction direction) {
  const auto filters = filters_of(parts, direction);
  auto overlaps = overlaps_of(filters);
  std::vector<Merged> classes;
  if (overlaps) {
    const auto all = *overlaps;
    std::erase_if(*overlaps, [&](const Overlap& overlap) { return is_within_narrower(overlap, all); });
    // Whoever fits many filters fits each of them as well: the narrower goes first.
    std::ranges::sort(*overlaps, {},
                      [](const Overlap& each) { return std::pair(-std::popcount(each.filters), each.filters); });
  }
  if (!overlaps || overlaps->size() > kernel::most_classes) {
    return fail(
        ErrorCode::unsupported,
        concat(filters.size(), " filters of faults at once overlap in ",
               overlaps ? concat(overlaps->size()) : std::string("too many"), " ways: the kernel can tell ",
               kernel::most_classes, " apart (let policies have the same peers and ports, or not overlap in time)"));
  }
  for (const auto& overlap : *overlaps) {
    Merged merged{{"", overlap.match, {}}, {}};
    for (const auto& part : parts) {
      for (std::size_t i = 0; i < filters.size(); ++i) {
        const bool fits = (overlap.filters >> i & 1) != 0;
        if (fits && std::ranges::find(filters[i].parts, &part) != filters[i].parts.end()) merged.parts.push_back(&part);
      }
    }
    for (const auto* part : merged.parts) add(merged.whole.effect, part->failure);
    merged.whole.name = name_of(merged.parts);
    classes.push_back(std::move(merged));
  }
  return classes;
}

std::string explain_class(const Merged& merged, bool egress, const std::string& interfaces) {
  const Match& match = merged.whole.match;
  std::string line =
      concat(match.interfaces.empty() ? interfaces : join(match.interfaces, ","), egress ? " egress" : " ingress");
  if (const std::string whom = to_string(match, egress); !whom.empty()) append(line, concat(" ", whom));
  std::vector<std::string> causes;
  for (const auto* part : merged.parts) {
    kernel::Effect alone;
    add(alone, part->failure);
    causes.push_back(concat(describe(alone), " from ", part->policy));
  }
  return concat(line, ": ", join(causes, " + "));
}

std::string describe_traffic(const kernel::Traffic& traffic, bool egress) {
  std::vector<std::string> parts;
  for (const auto& each : traffic.classes) {
    std::string part = egress ? "egress " : "ingress ";
    if (const std::string whom = to_string(each.match, egress); !whom.empty()) append(part, concat(whom, " "));
    parts.push_back(part + describe(each.effect));
  }
  return join(parts, "; ");
}

}  // namespace

Result<kernel::State> merge(const std::vector<Part>& parts) {
  kernel::State state;
  for (const auto& [direction, traffic] :
       {std::pair{failure::Direction::egress, &state.egress}, std::pair{failure::Direction::ingress, &state.ingress}}) {
    auto classes = merge_direction(parts, direction);
    if (!classes) return fail(std::move(classes.error()));
    for (auto& each : *classes) traffic->classes.push_back(std::move(each.whole));
  }
  return state;
}

std::vector<std::string> explain(const std::vector<Part>& parts, const std::string& interfaces) {
  std::vector<std::string> lines;
  for (const auto direction : {failure::Direction::egress, failure::Direction::ingress}) {
    const auto classes = merge_direction(parts, direction);
    if (!classes) continue;
    for (const auto& each : *classes) {
      lines.push_back(explain_class(each, direction == failure::Direction::egress, interfaces));
    }
  }
  return lines;
}

std::string describe(const kernel::State& state) {
  std::vector<std::string> parts;
  if (!state.egress.empty()) parts.push_back(describe_traffic(state.egress, true));
  if (!state.ingress.empty()) parts.push_back(describe_traffic(state.ingress, false));
  return parts.empty() ? "nothing" : join(parts, "; ");
}

}  // namespace entropy::injector
