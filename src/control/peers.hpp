// Who the selectors and names among a policy's `peers` and `exclude` are now: their addresses, as seen from a target.
// Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/plan.hpp"

namespace entropy::control {

// Clients know a Swarm service by a virtual address: it belongs to the peers where all of its tasks that we know do.
//
// A selector is every container that it matches. A name is the container, or the containers of the service, of that
// name; else, what `Observed::hosts` has of it. Containers of the target's own engine count, and on overlay networks
// Swarm's tasks on all others. Never the target itself nor whoever shares its network; protected containers are no
// peers, though they can be excluded.
class PeerResolver {
 public:
  // Looks at the containers once for all targets. `index` must outlive it.
  PeerResolver(const policy::Policy& policy, const Index& index);

  program::Resolved for_target(const ObservedContainer& target) const;

 private:
  struct Candidate {
    const ObservedContainer* container;
    const ObservedContainer* owner;  // of its network namespace
    std::vector<Prefix> addresses;
  };
  struct Entry {
    std::vector<Candidate> containers;
    std::vector<Prefix> hosts;
  };

  void add(const failure::Peer& peer, bool excluded);
  void add_services(Entry& entry) const;

  const Index& index_;
  std::map<std::string, Entry> entries_;  // by what the user wrote
};

// The entries of the failure's `peers` where these are nobody at all now, and so it has nobody to disturb; else empty.
std::string nobody_among_peers(const failure::Failure& failure, const program::Resolved& resolved);

// Why a host's name among the failure's `peers` and `exclude` stands for nobody; empty where none does.
std::string unresolved_among(const failure::Failure& failure, const Observed& observed);

// Names among peers that no container or service has: what else they are, somebody has to look up.
std::vector<std::string> host_names(const std::vector<policy::Record>& policies, const Observed& observed);

}  // namespace entropy::control
