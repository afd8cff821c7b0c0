#include "control/namespaces.hpp"

#include <algorithm>
#include <map>

namespace entropy::control {
namespace {

// Both are times of one engine, if they are known yet.
bool started_before(const ObservedContainer& one, const ObservedContainer& other) {
  if (one.started_at.empty() || other.started_at.empty()) return false;
  const auto first = parse_rfc3339(one.started_at);
  const auto second = parse_rfc3339(other.started_at);
  return first && second && *first < *second;
}

using Key = std::pair<std::string_view, std::string_view>;  // endpoint, and id or name
using Table = std::map<Key, const ObservedContainer*>;

Key key_of_container(const ObservedContainer* each) { return {each->endpoint, each->container.id}; }
Key key_of_injector(const ObservedInjector* each) { return {each->endpoint, each->target_id}; }

// Of equal keys, which only injectors have, in the order of their addresses: as observed.
template <class All, class KeyOf>
auto sorted(const All& all, KeyOf key_of) {
  std::vector<decltype(&*all.begin())> places;
  places.reserve(all.size());
  for (const auto& each : all) places.push_back(&each);
  const auto order = [&](const auto* each) { return std::pair(key_of(each), each); };
  if (!std::ranges::is_sorted(places, {}, order)) std::ranges::sort(places, {}, order);
  return places;
}

}  // namespace

Index::Index(const Observed& observed)
    : observed_(&observed),
      by_id_(sorted(observed.containers, key_of_container)),
      injectors_(sorted(observed.injectors, key_of_injector)) {
  add_guests();
}

// Docker itself writes the owner's id into the mode, others leave the name that the user gave.
void Index::add_guests() {
  std::vector<const ObservedContainer*> guests;
  for (const auto& each : observed_->containers) {
    if (!docker::joined_container(each.container).empty()) guests.push_back(&each);
  }
  Table by_name;
  if (!guests.empty()) {
    for (const auto& each : observed_->containers) by_name.emplace(Key(each.endpoint, each.container.name), &each);
  }
  Table orphans;
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
  const Key key(endpoint, id);
  const auto found = std::ranges::lower_bound(by_id_, key, {}, key_of_container);
  return found == by_id_.end() || key_of_container(*found) != key ? nullptr : *found;
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
  return std::ranges::equal_range(injectors_, Key(endpoint, owner_id), {}, key_of_injector);
}

void share_held_back(std::vector<TargetState>& targets, const Index& index) {
  std::map<const ObservedContainer*, std::string> reasons;
  const auto owner_of = [&](const TargetState& target) {
    const auto* container = index.find(target.endpoint, target.id);
    return container == nullptr ? nullptr : &index.owner(*container);
  };
  for (const auto& target : targets) {
    if (!target.held_back.empty()) reasons.emplace(owner_of(target), target.held_back);
  }
  if (reasons.empty()) return;
  for (auto& target : targets) {
    const auto reason = reasons.find(owner_of(target));
    if (target.held_back.empty() && reason != reasons.end()) target.held_back = reason->second;
  }
}

}  // namespace entropy::control
