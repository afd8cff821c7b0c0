// Which containers a policy is for, and which rules keep it away from them.
#include <algorithm>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/namespaces.hpp"
#include "failure/catalogue.hpp"

namespace entropy::control {

policy::Subject subject_of(const ObservedContainer& observed) {
  const docker::Container& container = observed.container;
  policy::Subject subject;
  subject.labels = container.labels;
  subject.attributes.emplace("name", container.name);
  subject.attributes.emplace("image", container.image);
  subject.attributes.emplace("id", container.id);
  subject.attributes.emplace("endpoint", observed.endpoint);
  for (const auto& network : container.networks) subject.attributes.emplace("network", network.name);
  for (const auto* key : {"com.docker.compose.service", "com.docker.swarm.service.name"}) {
    if (const auto value = label_of(container, key); !value.empty()) subject.attributes.emplace("service", value);
  }
  for (const auto* key : {"com.docker.compose.project", "com.docker.stack.namespace"}) {
    if (const auto value = label_of(container, key); !value.empty()) subject.attributes.emplace("project", value);
  }
  return subject;
}

std::string schedule_name(const docker::Container& container) {
  // "service.slot.taskid", or "service.nodeid.taskid" for a global service: the last part is new for every task.
  const std::string task = label_of(container, "com.docker.swarm.task.name");
  const auto last_dot = task.rfind('.');
  return last_dot == std::string::npos || last_dot == 0 ? container.name : task.substr(0, last_dot);
}

namespace {

bool protected_by_label(const docker::Container& container) { return label_of(container, label::protect) == "true"; }

// Protection holds for the whole namespace: what hits one member hits all.
std::optional<std::string> protecting_member(const Observed& observed, const ObservedContainer& container) {
  if (protected_by_label(container.container)) return "it is protected (entropy.protect=true)";
  const std::string owner = namespace_owner(observed, container);
  for (const auto& other : observed.containers) {
    if (other.endpoint != container.endpoint || !protected_by_label(other.container)) continue;
    if (namespace_owner(observed, other) == owner) {
      return concat("it shares its network with ", other.container.name, ", which is protected (entropy.protect=true)");
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> excluded(const Rules& rules, const Observed& observed,
                                    const ObservedContainer& observed_container) {
  const docker::Container& container = observed_container.container;
  if (!rules.own_container.empty() && container.id.starts_with(rules.own_container)) return "it is Entropy itself";
  const std::string mode = owner_network_mode(observed, observed_container);
  if (mode == "host") return "it is on the host's network, which Entropy never touches";
  if (mode == "none") return "it has no network";
  if (auto reason = protecting_member(observed, observed_container)) return reason;
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
