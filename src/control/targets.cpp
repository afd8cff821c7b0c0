// Which containers a policy is for, and which rules keep it away from them.
#include <algorithm>
#include <array>

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

std::optional<std::string> forbidden_failure(const docker::Container& container,
                                             const std::vector<std::string>& failures) {
  const auto found = container.labels.find(label::allow);
  if (found == container.labels.end()) return std::nullopt;
  const auto allowed = failure::names_in(found->second);
  for (const auto& name : failures) {
    if (std::ranges::find(allowed, name) == allowed.end()) {
      return concat("its label entropy.allow=", found->second, " does not allow ", name);
    }
  }
  return std::nullopt;
}

namespace {

bool protected_by_label(const docker::Container& container) { return label_of(container, label::protect) == "true"; }

// Protection holds for the whole namespace: what hits one member hits all.
std::optional<std::string> protecting_member(const Index& index, const ObservedContainer& container) {
  if (protected_by_label(container.container)) return "it is protected (entropy.protect=true)";
  const ObservedContainer& owner = index.owner(container);
  const auto shares = [](const docker::Container& other) {
    return concat("it shares its network with ", other.name, ", which is protected (entropy.protect=true)");
  };
  if (protected_by_label(owner.container)) return shares(owner.container);
  for (const auto* guest : index.guests(owner)) {
    if (protected_by_label(guest->container)) return shares(guest->container);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> excluded(const Rules& rules, const Index& index,
                                    const ObservedContainer& observed_container) {
  const docker::Container& container = observed_container.container;
  if (!rules.own_container.empty() && container.id.starts_with(rules.own_container)) return "it is Entropy itself";
  const std::string& mode = index.owner(observed_container).container.network_mode;
  if (mode == "host") return "it is on the host's network, which Entropy never touches";
  if (mode == "none") return "it has no network";
  if (auto reason = protecting_member(index, observed_container)) return reason;
  if (rules.require_opt_in && label_of(container, label::enable) != "true") {
    return "it has not opted in (label entropy.enable=true)";
  }
  if (rules.scope) {
    if (const auto failed = rules.scope->first_failed(subject_of(observed_container))) {
      return concat("it is outside the service's scope: ", *failed);
    }
  }
  return std::nullopt;
}

}  // namespace entropy::control
