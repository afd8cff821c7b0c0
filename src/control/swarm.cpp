#include "control/swarm.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "control/labels.hpp"

namespace entropy::control {

std::string service_id(const docker::Container& container) { return label_of(container, label::swarm_service_id); }

void add_service_labels(docker::Container& container, const Services& services) {
  if (services.empty()) return;
  const auto service = services.find(service_id(container));
  if (service != services.end()) container.labels.insert(service->second.labels.begin(), service->second.labels.end());
}

std::vector<Prefix> service_addresses(const docker::Container& container, const Services& services) {
  std::vector<Prefix> addresses;
  const auto service = services.find(service_id(container));
  if (service == services.end()) return addresses;
  for (const auto& text : service->second.virtual_ips) {
    if (const auto address = parse_prefix(text.substr(0, text.find('/')))) addresses.push_back(*address);
  }
  return addresses;
}

std::string swarm_role(const docker::SwarmNode& node) {
  if (node.manager) return "manager";
  return node.state == "active" ? "worker" : node.state;
}

std::string swarm_note(const docker::SwarmNode& node, const std::set<std::string>& managers) {
  const std::string role = swarm_role(node);
  if (role.empty() || role == "inactive" || role == "manager") return {};
  const auto is_ours = [&](const std::string& id) { return managers.contains(id); };
  if (role == "worker" && std::ranges::any_of(node.managers, is_ours)) return {};
  const std::string what = role == "worker" ? "it is a worker of its Swarm" : concat("its Swarm is ", quoted(role));
  return concat(what,
                " and can't tell the labels of services: only those of containers count here (docker service "
                "create --container-label), unless a manager of the Swarm is an endpoint, too");
}

}  // namespace entropy::control
