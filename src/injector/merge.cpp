#include "injector/merge.hpp"

#include <algorithm>
#include <bit>

#include "base/text.hpp"
#include "failure/catalogue.hpp"
#include "injector/effects.hpp"
#include "injector/names.hpp"

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

bool goes(const Part& part, failure::Direction direction) {
  const auto asked = failure::filter_of(part.failure).direction;
  return asked == direction || asked == failure::Direction::both;
}

std::vector<Filtered> filters_of(const std::vector<Part>& parts, failure::Direction direction) {
  std::vector<Filtered> filters;
  for (const auto& part : parts) {
    if (std::holds_alternative<failure::Dns>(part.failure) || !goes(part, direction)) continue;
    const auto match = match_of(part);
    if (!match) continue;
    auto same = std::ranges::find(filters, *match, &Filtered::match);
    if (same == filters.end()) same = filters.insert(filters.end(), Filtered{*match, {}});
    same->parts.push_back(&part);
  }
  return filters;
}

// Whether the packets between ports of two services are told apart from both services' own.
enum class BetweenServices { apart, not_apart };

// Every way to be in some of the filters that any packet can go; nullopt if there are too many.
std::optional<std::vector<Overlap>> overlaps_of(const std::vector<Filtered>& filters, BetweenServices between) {
  if (filters.size() > most_filters) return std::nullopt;
  std::vector<Overlap> overlaps;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const Mask bit = Mask{1} << i;
    const std::size_t before = overlaps.size();
    overlaps.push_back({bit, filters[i].match});
    for (std::size_t j = 0; j < before; ++j) {
      auto common = both(overlaps[j].match, filters[i].match);
      if (common && between == BetweenServices::not_apart && names_two_services(*common)) common.reset();
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

constexpr std::string_view between_parts = " + ";

std::string name_of(const std::vector<const Part*>& parts) {
  std::vector<std::string> names;
  names.reserve(parts.size());
  for (const auto* part : parts) names.push_back(injector::name_of(*part));
  return join(names, between_parts);
}

// The classes that there have to be, narrower ones first; nullopt if there are too many.
std::optional<std::vector<Overlap>> ordered_overlaps(const std::vector<Filtered>& filters, BetweenServices between) {
  auto overlaps = overlaps_of(filters, between);
  if (!overlaps) return std::nullopt;
  const auto all = *overlaps;
  std::erase_if(*overlaps, [&](const Overlap& overlap) { return is_within_narrower(overlap, all); });
  // Whoever fits many filters fits each of them as well: the narrower goes first.
  std::ranges::sort(*overlaps, {},
                    [](const Overlap& each) { return std::pair(-std::popcount(each.filters), each.filters); });
  return overlaps;
}

struct Merged {
  kernel::Class whole;
  std::vector<const Part*> parts;
};

Result<std::vector<Merged>> merge_direction(const std::vector<Part>& parts, failure::Direction direction) {
  const auto filters = filters_of(parts, direction);
  auto overlaps = ordered_overlaps(filters, BetweenServices::apart);
  if (!overlaps || overlaps->size() > kernel::most_classes) {
    overlaps = ordered_overlaps(filters, BetweenServices::not_apart);
  }
  std::vector<Merged> classes;
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
  causes.reserve(merged.parts.size());
  for (const auto* part : merged.parts) {
    causes.push_back(concat(describe(part->failure), " from ", part->policy));
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

std::string name_of(const Part& part) { return concat(part.policy, "/", failure::name_of(part.failure)); }

std::vector<std::string> parts_in(std::string_view name) {
  std::vector<std::string> parts;
  for (auto end = name.find(between_parts); end != std::string_view::npos; end = name.find(between_parts)) {
    parts.emplace_back(name.substr(0, end));
    name.remove_prefix(end + between_parts.size());
  }
  parts.emplace_back(name);
  return parts;
}

std::optional<Match> match_of(const Part& part) {
  const failure::Filter& filter = failure::filter_of(part.failure);
  Match match;
  if (!filter.peers.empty()) match.peers = addresses_of(filter.peers, part.resolved);
  if (!filter.exclude.empty()) match.peers = without(match.peers, addresses_of(filter.exclude, part.resolved));
  if (std::holds_alternative<failure::Dns>(part.failure) || match.peers.empty()) return std::nullopt;
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

Result<kernel::State> merge(const std::vector<Part>& parts) {
  kernel::State state;
  for (const auto& part : parts) {
    const auto* dns = std::get_if<failure::Dns>(&part.failure);
    if (dns != nullptr) state.names.push_back(name_fault(name_of(part), *dns));
  }
  for (const auto& [direction, traffic] :
       {std::pair{failure::Direction::egress, &state.egress}, std::pair{failure::Direction::ingress, &state.ingress}}) {
    auto classes = merge_direction(parts, direction);
    if (!classes) return fail(std::move(classes.error()));
    for (auto& each : *classes) traffic->classes.push_back(std::move(each.whole));
  }
  return kernel::canonical(std::move(state));
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
  for (const auto& part : parts) {
    if (!std::holds_alternative<failure::Dns>(part.failure)) continue;
    lines.push_back(concat("look-ups: ", describe(part.failure), " from ", part.policy));
  }
  return lines;
}

std::string describe(const failure::Failure& failure) {
  if (const auto* dns = std::get_if<failure::Dns>(&failure)) return describe(name_fault("", *dns));
  kernel::Effect alone;
  add(alone, failure);
  return describe(alone);
}

std::string describe(const kernel::State& state) {
  std::vector<std::string> parts;
  if (!state.egress.empty()) parts.push_back(describe_traffic(state.egress, true));
  if (!state.ingress.empty()) parts.push_back(describe_traffic(state.ingress, false));
  for (const auto& fault : state.names) parts.push_back(concat("look-ups ", describe(fault)));
  return parts.empty() ? "nothing" : join(parts, "; ");
}

}  // namespace entropy::injector
