#include "control/limits.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/namespaces.hpp"

namespace entropy::control {
namespace {

// What holds at one time.
class Load {
 public:
  explicit Load(const Limits& limits) : limits_(limits) {}

  bool full() const { return limits_.max_active && faults_ >= *limits_.max_active; }

  // Empty: it is in. Else why there is no room.
  std::string take(const Claim& claim) {
    if (limits_.max_active && faults_ + claim.faults > *limits_.max_active) return too_many(claim);
    add(claim);
    for (const auto* place : claim.places) {
      for (const auto* service : place->services) {
        if (hit_[service] <= most_of(*service)) continue;
        release(claim);
        return too_large_a_share(*service);
      }
    }
    return {};
  }
  void add(const Claim& claim) {
    faults_ += claim.faults;
    for (const auto* place : claim.places) {
      if (++claims_[place] > 1) continue;
      for (const auto* service : place->services) ++hit_[service];
    }
  }
  void release(const Claim& claim) {
    faults_ -= claim.faults;
    for (const auto* place : claim.places) {
      if (--claims_[place] > 0) continue;
      for (const auto* service : place->services) --hit_[service];
    }
  }

 private:
  std::size_t most_of(const Places::Service& service) const {
    if (!limits_.max_share) return service.replicas;
    // What 0.1 * 30 lacks to 3 is no replica.
    constexpr double noise = 1e-9;
    return static_cast<std::size_t>(*limits_.max_share * static_cast<double>(service.replicas) + noise);
  }
  std::string too_many(const Claim& claim) const {
    const std::string most = concat(" (--max-active ", *limits_.max_active, ")");
    if (claim.faults > *limits_.max_active) return concat("it would be ", claim.faults, " faults at once", most);
    return concat("enough faults hold already", most);
  }
  std::string too_large_a_share(const Places::Service& service) const {
    return concat("of the ", service.replicas, " replicas of ", service.name, " at most ", most_of(service),
                  " may be disturbed at once (--max-share ", entropy::to_string(*limits_.max_share * 100), "%)");
  }

  const Limits& limits_;
  std::size_t faults_ = 0;
  std::unordered_map<const Places::Place*, std::size_t> claims_;
  std::unordered_map<const Places::Service*, std::size_t> hit_;
};

bool comes_before(const Claim* left, const Claim* right) {
  return std::tie(left->standing, left->lot, left->policy, left->name, left->window) <
         std::tie(right->standing, right->lot, right->policy, right->name, right->window);
}

std::set<Time> times_of(const std::vector<Claim>& claims, Time now) {
  std::set<Time> times = {now};
  for (const auto& claim : claims) {
    if (claim.begin > now) times.insert(claim.begin);
    if (claim.end > now && claim.end != policy::never) times.insert(claim.end);
  }
  return times;
}

}  // namespace

// Replicas are told apart by the name that the dice are rolled for; those that are down are some all the same.
Places::Places(const Index& index, const Limits& limits) : index_(index) {
  if (!limits.max_share) return;
  std::map<std::string, std::set<std::string>> replicas = index.observed().absent;
  for (const auto& container : index.observed().containers) {
    const std::string key = service_key(container);
    if (key.empty()) continue;
    replicas[key].insert(schedule_name(container.container));
    Service& service = services_[key];
    if (service.name.empty()) service.name = target_state(container).service;
  }
  for (auto& [key, service] : services_) service.replicas = replicas.at(key).size();
}

const Places::Service* Places::service_of(const ObservedContainer& container) const {
  const auto found = services_.find(service_key(container));
  return found == services_.end() ? nullptr : &found->second;
}

const Places::Place& Places::at(const ObservedContainer& owner) {
  const auto [found, is_new] = places_.try_emplace(&owner);
  if (!is_new || services_.empty()) return found->second;
  const auto add = [&](const ObservedContainer& member) {
    if (const auto* service = service_of(member)) found->second.services.push_back(service);
  };
  add(owner);
  for (const auto* guest : index_.guests(owner)) add(*guest);
  return found->second;
}

std::map<std::string, Claim> claims_of(const policy::Policy& policy,
                                       const std::vector<const ObservedContainer*>& containers, const Index& index,
                                       Places& places) {
  const std::size_t failures = policy::failure_names(policy).size();
  std::map<std::string, Claim> claims;
  FirstOfNamespace is_first(index);
  for (const auto* container : containers) {
    const bool has_dice = !policy.container_failures.empty() || is_first(*container);
    if (!has_dice) continue;
    const std::string name = schedule_name(container->container);
    Claim& claim = claims[name];
    claim.policy = policy.name;
    claim.name = name;
    claim.faults += failures;
    claim.places.push_back(&places.at(index.owner(*container)));
  }
  return claims;
}

Claim claim_on(const Claim& claim, const policy::Policy& policy, const policy::Window& window) {
  Claim made = claim;
  made.window = window.index;
  made.begin = window.begin;
  made.end = window.end;
  made.lot =
      Hash().number(policy.schedule.seed).text("c").text(policy.name).text(claim.name).number(window.index).value();
  return made;
}

void admit(const Limits& limits, std::vector<Claim>& claims, Time now) {
  std::vector<Claim*> coming;
  coming.reserve(claims.size());
  for (auto& claim : claims) coming.push_back(&claim);
  std::ranges::sort(coming, {}, &Claim::begin);
  auto next = coming.begin();
  std::vector<Claim*> inside;
  std::vector<Claim*> waiting;
  Load load(limits);
  for (const Time time : times_of(claims, now)) {
    std::erase_if(inside, [&](const Claim* claim) {
      if (claim->end > time) return false;
      load.release(*claim);
      return true;
    });
    std::erase_if(waiting, [&](const Claim* claim) { return claim->end <= time; });
    for (; next != coming.end() && (*next)->begin <= time; ++next) {
      if ((*next)->end > time) waiting.push_back(*next);
    }
    std::ranges::sort(waiting, comes_before);
    std::erase_if(waiting, [&](Claim* claim) {
      if (load.full() && !claim->held_back.empty()) return false;
      std::string why = load.take(*claim);
      if (claim->held_back.empty()) claim->held_back = why;
      if (!why.empty()) return false;
      claim->let_in = time;
      inside.push_back(claim);
      return true;
    });
  }
}

}  // namespace entropy::control
