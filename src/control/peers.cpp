#include "control/peers.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/namespaces.hpp"
#include "control/swarm.hpp"
#include "failure/catalogue.hpp"

namespace entropy::control {
namespace {

using failure::PeerKind;

std::vector<Prefix> addresses_of(const docker::Container& container) {
  std::vector<Prefix> addresses;
  for (const auto& network : container.networks) {
    for (const auto* text : {&network.ip, &network.ip6}) {
      if (const auto address = parse_prefix(*text); !text->empty() && address) addresses.push_back(*address);
    }
  }
  return addresses;
}

bool is_called(const ObservedContainer& container, const std::string& name) {
  if (container.container.name == name) return true;
  return subject_of(container).any(policy::Attribute::service,
                                   [&](std::string_view service) { return service == name; });
}

bool is_swarm_task(const ObservedContainer& container) {
  return !label_of(container.container, "com.docker.swarm.task.id").empty();
}

bool reaches(const ObservedContainer& from, const ObservedContainer& to) {
  return from.endpoint == to.endpoint || (is_swarm_task(from) && is_swarm_task(to));
}

template <class Use>
void for_each_peer(const policy::Policy& policy, Use use) {
  for (const auto& each : policy.failures) {
    const failure::Filter& filter = failure::filter_of(each);
    for (const auto& peer : filter.peers) use(peer, false);
    for (const auto& peer : filter.exclude) use(peer, true);
  }
}

}  // namespace

PeerResolver::PeerResolver(const policy::Policy& policy, const Index& index) : index_(index) {
  for_each_peer(policy, [&](const failure::Peer& peer, bool excluded) { add(peer, excluded); });
}

void PeerResolver::add(const failure::Peer& peer, bool excluded) {
  const PeerKind kind = failure::kind_of(peer);
  if (kind == PeerKind::network) return;
  const auto selector = policy::Selector::parse(peer.text);
  Entry entry;
  for (const auto& container : index_.observed().containers) {
    const bool meant = kind == PeerKind::selector ? selector && selector->matches(subject_of(container))
                                                  : is_called(container, peer.text);
    const bool is_protected = label_of(container.container, label::protect) == "true";
    if (!meant || (is_protected && !excluded)) continue;
    // Whoever joined another's network namespace has its addresses.
    const ObservedContainer& owner = index_.owner(container);
    entry.containers.push_back({&container, &owner, addresses_of(owner.container)});
  }
  add_services(entry);
  const auto& hosts = index_.observed().hosts;
  const auto host = hosts.find(peer.text);
  if (entry.containers.empty() && host != hosts.end()) entry.hosts = host->second;
  entries_[peer.text] = std::move(entry);
}

// What goes to a virtual address goes to any of the tasks: whoever is not meant must not suffer.
void PeerResolver::add_services(Entry& entry) const {
  std::set<std::string> left_out;
  for (const auto& container : index_.observed().containers) {
    const bool meant = std::ranges::find(entry.containers, &container, &Candidate::container) != entry.containers.end();
    if (!meant) left_out.insert(service_id(container.container));
  }
  for (auto& candidate : entry.containers) {
    if (left_out.contains(service_id(candidate.container->container))) continue;
    const auto& virtual_ones = candidate.container->service_addresses;
    candidate.addresses.insert(candidate.addresses.end(), virtual_ones.begin(), virtual_ones.end());
  }
}

program::Resolved PeerResolver::for_target(const ObservedContainer& target) const {
  program::Resolved resolved;
  if (entries_.empty()) return resolved;
  const auto* owner = &index_.owner(target);
  for (const auto& [text, entry] : entries_) {
    std::set<Prefix> addresses(entry.hosts.begin(), entry.hosts.end());
    for (const auto& candidate : entry.containers) {
      if (candidate.owner == owner || !reaches(target, *candidate.container)) continue;
      addresses.insert(candidate.addresses.begin(), candidate.addresses.end());
    }
    resolved[text].assign(addresses.begin(), addresses.end());
  }
  return resolved;
}

std::string nobody_among_peers(const failure::Failure& failure, const program::Resolved& resolved) {
  const auto& peers = failure::filter_of(failure).peers;
  std::vector<std::string> texts;
  for (const auto& peer : peers) {
    const auto found = resolved.find(peer.text);
    if (failure::kind_of(peer) == PeerKind::network || (found != resolved.end() && !found->second.empty())) return {};
    texts.push_back(peer.text);
  }
  return join(texts, ", ");
}

std::string unresolved_among(const failure::Failure& failure, const Observed& observed) {
  const failure::Filter& filter = failure::filter_of(failure);
  for (const auto* list : {&filter.peers, &filter.exclude}) {
    for (const auto& peer : *list) {
      const auto found = observed.unresolved.find(peer.text);
      if (failure::kind_of(peer) != PeerKind::name || found == observed.unresolved.end()) continue;
      return concat(peer.text, " among ", list == &filter.peers ? "peers" : "exclude",
                    " is no container and can't be resolved: ", found->second);
    }
  }
  return {};
}

std::vector<std::string> host_names(const std::vector<policy::Record>& policies, const Observed& observed) {
  std::set<std::string> names;
  for (const auto& record : policies) {
    if (!record.policy.running) continue;
    for_each_peer(record.policy, [&](const failure::Peer& peer, bool) {
      if (failure::kind_of(peer) == PeerKind::name) names.insert(peer.text);
    });
  }
  std::erase_if(names, [&](const std::string& name) {
    return std::ranges::any_of(observed.containers, [&](const auto& each) { return is_called(each, name); });
  });
  return {names.begin(), names.end()};
}

}  // namespace entropy::control
