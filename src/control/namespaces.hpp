// An observation made searchable: containers by id, who shares a network namespace ("container:<id>") with whom,
// injectors by their target.
#pragma once

#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/plan.hpp"

namespace entropy::control {

// Made in one walk over what was observed, to which it refers.
class Index {
 public:
  Index(const Observed& observed);  // not explicit: it is the same, to be asked faster
  Index(const Observed&& gone_soon) = delete;

  const Observed& observed() const { return *observed_; }

  // nullptr if it is not up.
  const ObservedContainer* find(std::string_view endpoint, std::string_view id) const;
  // The container that owns the network namespace of this one: itself, or the one that it joined. An owner that is gone
  // leaves the namespace to those who joined it.
  const ObservedContainer& owner(const ObservedContainer& container) const;
  // Of one that joined a network namespace which went away when its owner started again: that owner. The one that was
  // left behind is nobody's guest.
  const ObservedContainer* restarted_owner(const ObservedContainer& container) const;
  // Those who joined the owner's namespace.
  std::span<const ObservedContainer* const> guests(const ObservedContainer& owner) const;
  // Those that belong to this owner of a namespace, as observed: also old ones, and those that have ended.
  std::span<const ObservedInjector* const> injectors(std::string_view endpoint, std::string_view owner_id) const;

 private:
  void add_guests();

  const Observed* observed_;
  std::vector<const ObservedContainer*> by_id_;  // in the order of endpoint and id: most often they come in it
  std::unordered_map<const ObservedContainer*, const ObservedContainer*> owners_;  // of those who joined one
  std::unordered_map<const ObservedContainer*, const ObservedContainer*> restarted_owners_;
  std::unordered_map<const ObservedContainer*, std::vector<const ObservedContainer*>> guests_;
  std::vector<const ObservedInjector*> injectors_;  // by endpoint and target, as observed
};

// Of a policy's targets in one network namespace the first one's dice count, for all of them.
class FirstOfNamespace {
 public:
  explicit FirstOfNamespace(const Index& index) : index_(index) {}
  // Whether none of its namespace was asked for before.
  bool operator()(const ObservedContainer& container) { return seen_.insert(&index_.owner(container)).second; }

 private:
  const Index& index_;
  std::set<const ObservedContainer*> seen_;  // owners
};

// Of a policy's targets: the limits are asked for the one in a namespace whose dice count, and hold back all of it.
void share_held_back(std::vector<TargetState>& targets, const Index& index);

}  // namespace entropy::control
