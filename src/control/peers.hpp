// Who the selectors and names among a policy's `peers` and `exclude` are now: their addresses, as seen from a target.
// Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/plan.hpp"

namespace entropy::control {

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

  const Index& index_;
  std::map<std::string, Entry> entries_;  // by what the user wrote
};

// The entries of the failure's `peers` where these are nobody at all now, and so it has nobody to disturb; else empty.
std::string nobody_among_peers(const failure::Failure& failure, const program::Resolved& resolved);

// Names among peers that no container or service has: what else they are, somebody has to look up.
std::vector<std::string> host_names(const std::vector<policy::Record>& policies, const Observed& observed);

}  // namespace entropy::control
