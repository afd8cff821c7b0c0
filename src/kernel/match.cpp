#include "kernel/match.hpp"

#include <algorithm>

#include "base/text.hpp"

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
  std::ranges::sort(match.ports);
  match.ports.erase(std::ranges::unique(match.ports).begin(), match.ports.end());
  if (match.transport == Transport::icmp && !match.ports.empty()) return std::nullopt;
  if (a.interfaces.empty() || b.interfaces.empty()) {
    match.interfaces = a.interfaces.empty() ? b.interfaces : a.interfaces;
    return match;
  }
  std::ranges::set_intersection(a.interfaces, b.interfaces, std::back_inserter(match.interfaces));
  if (match.interfaces.empty()) return std::nullopt;
  return match;
}

std::string to_string(const Match& match, bool egress) {
  std::vector<std::string> parts;
  if (!match.peers.is_every()) parts.push_back(concat(egress ? "to " : "from ", to_string(match.peers)));
  if (match.transport != Transport::any) parts.emplace_back(text_of(match.transport));
  for (const auto& ports : match.ports) parts.push_back(concat("port ", text_of(ports)));
  return join(parts, " ");
}

}  // namespace entropy::kernel
