#include "kernel/match.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "kernel/state.hpp"

namespace entropy::kernel {
namespace {

std::string text_of(const PortRanges& ranges) {
  std::vector<std::string> texts;
  for (const auto& range : ranges) {
    texts.push_back(range.first == range.last ? concat(range.first) : concat(range.first, "-", range.last));
  }
  return join(texts, ",");
}

std::string_view text_of(Transport transport) {
  switch (transport) {
    case Transport::any:
      return "";
    case Transport::tcp:
      return "tcp";
    case Transport::udp:
      return "udp";
    case Transport::icmp:
      return "icmp";
  }
  return "";
}

bool contains(const PortRanges& ranges, std::uint16_t port) {
  return std::ranges::any_of(ranges, [&](const PortRange& range) { return range.first <= port && port <= range.last; });
}

PortRanges common(const PortRanges& a, const PortRanges& b) {
  PortRanges result;
  for (const auto& x : a) {
    for (const auto& y : b) {
      const PortRange range = {std::max(x.first, y.first), std::min(x.last, y.last)};
      if (range.first <= range.last) result.push_back(range);
    }
  }
  return result;
}

// In order and none twice; and none with all of another's ports, which asks for nothing more.
void simplify(std::vector<PortRanges>& lists) {
  std::ranges::sort(lists);
  lists.erase(std::ranges::unique(lists).begin(), lists.end());
  const auto all = lists;
  std::erase_if(lists, [&](const PortRanges& wide) {
    return std::ranges::any_of(
        all, [&](const PortRanges& narrow) { return narrow != wide && common(narrow, wide) == narrow; });
  });
}

// Whether one port is in each list that `first` is not in.
bool another_port_is_in_the_rest(const std::vector<PortRanges>& lists, std::uint16_t first) {
  PortRanges rest = {{0, 65535}};
  for (const auto& list : lists) {
    if (!contains(list, first)) rest = common(rest, list);
  }
  return !rest.empty();
}

// Whether two ports can be in all of the lists, each in the one or the other. The port in most of them begins a range.
bool can_be_had(const std::vector<PortRanges>& lists) {
  if (lists.size() <= 2) return true;
  return std::ranges::any_of(lists, [&](const PortRanges& list) {
    return std::ranges::any_of(list,
                               [&](const PortRange& range) { return another_port_is_in_the_rest(lists, range.first); });
  });
}

}  // namespace

PortRanges joined(PortRanges ranges) {
  PortRanges result;
  for (const auto& range : ranges) {
    if (!result.empty() && range.first <= result.back().last + 1) {
      result.back().last = std::max(result.back().last, range.last);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

std::optional<Match> both(const Match& a, const Match& b) {
  Match match;
  match.peers = both(a.peers, b.peers);
  if (match.peers.empty()) return std::nullopt;
  if (a.transport != b.transport && a.transport != Transport::any && b.transport != Transport::any) {
    return std::nullopt;
  }
  match.transport = a.transport == Transport::any ? b.transport : a.transport;
  match.ports = a.ports;
  match.ports.insert(match.ports.end(), b.ports.begin(), b.ports.end());
  simplify(match.ports);
  if (match.transport == Transport::icmp && !match.ports.empty()) return std::nullopt;
  if (!can_be_had(match.ports)) return std::nullopt;
  if (a.interfaces.empty() || b.interfaces.empty()) {
    match.interfaces = a.interfaces.empty() ? b.interfaces : a.interfaces;
    return match;
  }
  std::ranges::set_intersection(a.interfaces, b.interfaces, std::back_inserter(match.interfaces));
  if (match.interfaces.empty()) return std::nullopt;
  return match;
}

bool names_two_services(const Match& match) {
  constexpr std::uint16_t first_ephemeral = 32768;
  const auto is_service = [](const PortRanges& list) { return !list.empty() && list.back().last < first_ephemeral; };
  for (std::size_t i = 0; i < match.ports.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const bool services = is_service(match.ports[i]) && is_service(match.ports[j]);
      if (services && common(match.ports[i], match.ports[j]).empty()) return true;
    }
  }
  return false;
}

bool fits(const Match& match, const TcpConnection& connection) {
  if (match.transport != Transport::any && match.transport != Transport::tcp) return false;
  const auto either_is_in = [&](const PortRanges& list) {
    return contains(list, connection.port) || contains(list, connection.peer_port);
  };
  return contains(match.peers, connection.peer) && std::ranges::all_of(match.ports, either_is_in);
}

std::string to_string(const Match& match, bool egress) {
  std::vector<std::string> parts;
  if (!match.peers.is_every()) parts.push_back(concat(egress ? "to " : "from ", to_string(match.peers)));
  if (match.transport != Transport::any) parts.emplace_back(text_of(match.transport));
  for (const auto& ports : match.ports) parts.push_back(concat("port ", text_of(ports)));
  return join(parts, " ");
}

}  // namespace entropy::kernel
