// Which containers a policy is for, and which rules keep it away from them.
#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/namespaces.hpp"
#include "failure/container.hpp"

namespace entropy::control {

namespace {

// Compose, then Swarm.
using Keys = std::array<std::string_view, 2>;
constexpr Keys service_labels = {label::compose_service, label::swarm_service};
constexpr Keys project_labels = {label::compose_project, label::swarm_stack};

bool any_label(const docker::Container& container, const Keys& keys, const policy::Subject::Take& take) {
  return std::ranges::any_of(keys, [&](std::string_view key) {
    const std::string& value = label_of(container, key);
    return !value.empty() && take(value);
  });
}

std::string first_label(const docker::Container& container, const Keys& keys) {
  std::string first;
  any_label(container, keys, [&](std::string_view value) { return first = value, true; });
  return first;
}

}  // namespace

const std::string* ContainerSubject::label(const std::string& key) const {
  const auto found = container_.container.labels.find(key);
  return found == container_.container.labels.end() ? nullptr : &found->second;
}

bool ContainerSubject::any(policy::Attribute attribute, const Take& take) const {
  const docker::Container& container = container_.container;
  switch (attribute) {
    case policy::Attribute::name:
      return take(container.name);
    case policy::Attribute::image:
      return take(container.image);
    case policy::Attribute::id:
      return take(container.id);
    case policy::Attribute::endpoint:
      return take(container_.endpoint);
    case policy::Attribute::network:
      return std::ranges::any_of(container.networks, [&](const auto& network) { return take(network.name); });
    case policy::Attribute::service:
      return any_label(container, service_labels, take);
    case policy::Attribute::project:
      return any_label(container, project_labels, take);
  }
  return false;
}

TargetState target_state(const ObservedContainer& observed) {
  TargetState state;
  state.id = observed.container.id;
  state.name = observed.container.name;
  state.endpoint = observed.endpoint;
  state.service = first_label(observed.container, service_labels);
  state.project = first_label(observed.container, project_labels);
  state.matched = true;
  return state;
}

std::string schedule_name(const docker::Container& container) {
  // "service.slot.taskid", or "service.nodeid.taskid" for a global service: the last part is new for every task.
  const std::string& task = label_of(container, label::swarm_task);
  const auto last_dot = task.rfind('.');
  return last_dot == std::string::npos || last_dot == 0 ? container.name : task.substr(0, last_dot);
}

namespace {

// What hits the network of one member of a namespace hits all. `reason` is told a member and gives the words for it, as
// in "it has not opted in", or none.
template <class Reason>
std::optional<std::string> first_reason(const Index& index, const ObservedContainer& container, Reason reason) {
  if (auto own = reason(container)) return concat("it ", *own);
  const ObservedContainer& owner = index.owner(container);
  std::optional<std::string> words;
  const auto ask = [&](const ObservedContainer& other) {
    const auto theirs = words || &other == &container ? std::nullopt : reason(other);
    if (theirs) words = concat("it shares its network with ", other.container.name, ", which ", *theirs);
  };
  ask(owner);
  for (const auto* guest : index.guests(owner)) ask(*guest);
  return words;
}

std::optional<std::string> not_allowed(const docker::Container& container, const std::vector<std::string>& failures) {
  const auto found = container.labels.find(label::allow);
  if (found == container.labels.end()) return std::nullopt;
  const auto allowed = failure::names_in(found->second);
  for (const auto& name : failures) {
    if (std::ranges::find(allowed, name) == allowed.end())
      return concat("does not allow ", name, " (its label entropy.allow=", found->second, ")");
  }
  return std::nullopt;
}

bool is_entropy_itself(const Rules& rules, const docker::Container& container) {
  return !rules.own_container.empty() && container.id.starts_with(rules.own_container);
}

// Why the rules keep failures away from a container, as a member of its namespace.
std::optional<std::string> closed_by_rules(const Rules& rules, const ObservedContainer& observed) {
  const docker::Container& container = observed.container;
  if (is_entropy_itself(rules, container)) return "is Entropy itself";
  if (label_of(container, label::protect) == "true") return "is protected (entropy.protect=true)";
  if (rules.require_opt_in && label_of(container, label::enable) != "true")
    return "has not opted in (label entropy.enable=true)";
  if (!rules.scope) return std::nullopt;
  const auto failed = rules.scope->first_failed(subject_of(observed));
  return failed ? std::optional(concat("is outside the service's scope: ", *failed)) : std::nullopt;
}

}  // namespace

std::optional<std::string> forbidden_failure(const Index& index, const ObservedContainer& container,
                                             const std::vector<std::string>& failures) {
  std::vector<std::string> of_network;
  std::ranges::copy_if(failures, std::back_inserter(of_network),
                       [](const std::string& name) { return !failure::is_of_container(name); });
  return first_reason(index, container, [&](const ObservedContainer& member) {
    return not_allowed(member.container, &member == &container ? failures : of_network);
  });
}

std::optional<std::string> excluded(const Rules& rules, const Index& index,
                                    const ObservedContainer& observed_container) {
  if (is_entropy_itself(rules, observed_container.container)) return "it is Entropy itself";
  if (const auto* owner = index.restarted_owner(observed_container)) {
    return concat("its network went away when ", owner->container.name, " was started again: restart it, too");
  }
  const std::string& mode = index.owner(observed_container).container.network_mode;
  if (mode == "host") return "it is on the host's network, which Entropy never touches";
  if (mode == "none") return "it has no network";
  return first_reason(index, observed_container,
                      [&](const ObservedContainer& member) { return closed_by_rules(rules, member); });
}

}  // namespace entropy::control
