// The service's own limits, over all policies: how many faults hold at once, and on which share of a service's
// replicas (`manage --max-active`, `--max-share`). Pure.
//
// A hit window that would be too much is held back. Whenever there is room, those whose windows hold get it by lot, so
// that no name comes first; who is in stays in until its window ends. The lot is a Hash of the policy's seed, "c", the
// policy's name, the target's name and the window's number: the same seeds at the same times give the same.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/policy.hpp"

namespace entropy::control {

struct Limits {
  std::optional<std::uint64_t> max_active;  // faults: failures, times the networks or containers that they hold on
  std::optional<double> max_share;          // of the replicas of a service, more than 0; rounded down to whole ones
  bool any() const { return max_active || max_share; }
};

class Index;
struct Observed;
struct ObservedContainer;

// Network namespaces, and the replicas of services that are in them. A replica is any container of the service, up or
// down; one of no service is never too many of it.
class Places {
 public:
  struct Service {
    std::string name;
    std::size_t replicas = 0;
  };
  struct Place {
    std::vector<const Service*> services;  // once for each member
  };

  // Looks at the containers once. `index` must outlive it.
  Places(const Index& index, const Limits& limits);

  const Place& at(const ObservedContainer& owner);

 private:
  const Service* service_of(const ObservedContainer& container) const;

  const Index& index_;
  std::map<std::string, Service> services_;
  std::unordered_map<const ObservedContainer*, Place> places_;
};

// One window that is hit, of all the targets that have one name (tasks of one slot may be there side by side).
struct Claim {
  std::string policy;
  std::string name;  // that the dice are rolled for
  std::uint64_t window = 0;
  Time begin{};
  Time end = policy::never;
  std::size_t faults = 0;
  std::vector<const Places::Place*> places = {};
  std::uint64_t lot = 0;
  // Who is in stays in; what ought to be over but is not read back so takes room; who waits gets the rest.
  enum class Standing { in, leftover, waiting } standing = Standing::waiting;

  std::optional<Time> let_in = std::nullopt;  // found by `admit`; none: never
  std::string held_back = {};                 // why it was not as soon as it began
};

// The claims of one policy on one window, without the window, by the target's name.
std::map<std::string, Claim> claims_of(const policy::Policy& policy,
                                       const std::vector<const ObservedContainer*>& containers, const Index& index,
                                       Places& places);
// The same claim on the window.
Claim claim_on(const Claim& claim, const policy::Policy& policy, const policy::Window& window);

// Goes through the time from `now` on, as far as there are claims.
void admit(const Limits& limits, std::vector<Claim>& claims, Time now);

}  // namespace entropy::control
