#include "control/changes.hpp"

#include <algorithm>

namespace entropy::control {
namespace {

void tell_of(std::string type, const std::string& policy, const TargetState& target, Journal& journal,
             const std::string& reason = {}) {
  Event event;
  event.type = std::move(type);
  event.policy = policy;
  event.target = target.name;
  event.endpoint = target.endpoint;
  event.data["id"] = target.id;
  if (!reason.empty()) event.data["reason"] = reason;
  journal.event(std::move(event));
}

// Those of `some` that are not among `others`.
std::vector<TargetState> without(const std::vector<TargetState>& some, const std::vector<TargetState>& others) {
  std::set<std::pair<std::string_view, std::string_view>> known;
  for (const auto& each : others) known.emplace(each.endpoint, each.id);
  std::vector<TargetState> left;
  for (const auto& each : some) {
    if (!known.contains({each.endpoint, each.id})) left.push_back(each);
  }
  return left;
}

std::vector<TargetState> held_back(std::vector<TargetState> targets) {
  std::erase_if(targets, [](const TargetState& each) { return each.held_back.empty(); });
  return targets;
}

}  // namespace

void Changes::tell(const std::vector<std::unique_ptr<Endpoint>>& endpoints, const Plan& plan, Journal& journal) {
  tell_endpoints(endpoints, journal);
  tell_targets(plan, journal);
}

void Changes::tell_endpoints(const std::vector<std::unique_ptr<Endpoint>>& endpoints, Journal& journal) {
  for (const auto& endpoint : endpoints) {
    const bool up = !endpoint->lost();
    const bool changed = up ? connected_.insert(endpoint->name()).second : connected_.erase(endpoint->name()) != 0;
    if (!changed) continue;
    Event event;
    event.type = up ? "endpoint.connected" : "endpoint.lost";
    event.endpoint = endpoint->name();
    if (!up) event.data["message"] = *endpoint->lost();
    journal.event(std::move(event));
  }
}

void Changes::tell_targets(const Plan& plan, Journal& journal) {
  std::erase_if(targets_, [&](const auto& known) { return !plan.matches.contains(known.first); });
  for (const auto& [policy, match] : plan.matches) {
    auto& known = targets_[policy];
    if (known == match.targets) continue;
    for (const auto& each : without(match.targets, known)) tell_of("target.added", policy, each, journal);
    for (const auto& each : without(known, match.targets)) tell_of("target.removed", policy, each, journal);
    for (const auto& each : without(held_back(match.targets), held_back(known)))
      tell_of("target.held_back", policy, each, journal, each.held_back);
    known = match.targets;
  }
}

}  // namespace entropy::control
