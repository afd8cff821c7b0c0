#include "control/namespaces.hpp"

#include <algorithm>

namespace entropy::control {
namespace {

// Both are times of one engine, if they are known yet.
bool started_before(const ObservedContainer& one, const ObservedContainer& other) {
  if (one.started_at.empty() || other.started_at.empty()) return false;
  const auto first = parse_rfc3339(one.started_at);
  const auto second = parse_rfc3339(other.started_at);
  return first && second && *first < *second;
}

}  // namespace

Index::Index(const Observed& observed) : observed_(&observed) {
  by_id_.reserve(observed.containers.size());
  for (const auto& each : observed.containers) by_id_.emplace(Key(each.endpoint, each.container.id), &each);
  add_guests();
  injectors_.reserve(observed.injectors.size());
  for (const auto& each : observed.injectors) injectors_[Key(each.endpoint, each.target_id)].push_back(&each);
}

// Docker itself writes the owner's id into the mode, others leave the name that the user gave.
void Index::add_guests() {
  std::vector<const ObservedContainer*> guests;
  for (const auto& each : observed_->containers) {
    if (!docker::joined_container(each.container).empty()) guests.push_back(&each);
  }
  Table<const ObservedContainer*> by_name;
  if (!guests.empty()) {
    for (const auto& each : observed_->containers) by_name.emplace(Key(each.endpoint, each.container.name), &each);
  }
  Table<const ObservedContainer*> orphans;
  for (const auto* guest : guests) {
    const auto whom = docker::joined_container(guest->container);
    const auto* owner = find(guest->endpoint, whom);
    const auto named = by_name.find(Key(guest->endpoint, whom));
    if (owner == nullptr && named != by_name.end()) owner = named->second;
    if (owner != nullptr && started_before(*guest, *owner)) {
      restarted_owners_.emplace(guest, owner);
      continue;
    }
    // An owner that is gone leaves the namespace to those who joined it: the first stands for all.
    if (owner == nullptr)
      owner = orphans.emplace(Key(guest->endpoint, guest->container.network_mode), guest).first->second;
    if (owner == guest) continue;
    owners_.emplace(guest, owner);
    guests_[owner].push_back(guest);
  }
}

const ObservedContainer* Index::find(std::string_view endpoint, std::string_view id) const {
  const auto found = by_id_.find(Key(endpoint, id));
  return found == by_id_.end() ? nullptr : found->second;
}

const ObservedContainer& Index::owner(const ObservedContainer& container) const {
  const auto joined_one = owners_.find(&container);
  return joined_one == owners_.end() ? container : *joined_one->second;
}

const ObservedContainer* Index::restarted_owner(const ObservedContainer& container) const {
  const auto found = restarted_owners_.find(&container);
  return found == restarted_owners_.end() ? nullptr : found->second;
}

std::span<const ObservedContainer* const> Index::guests(const ObservedContainer& owner) const {
  const auto found = guests_.find(&owner);
  if (found == guests_.end()) return {};
  return found->second;
}

std::span<const ObservedInjector* const> Index::injectors(std::string_view endpoint, std::string_view owner_id) const {
  const auto found = injectors_.find(Key(endpoint, owner_id));
  if (found == injectors_.end()) return {};
  return found->second;
}

}  // namespace entropy::control
