#include "control/namespaces.hpp"

namespace entropy::control {
namespace {

constexpr std::string_view joined = "container:";

}  // namespace

const ObservedContainer* find_container(const Observed& observed, std::string_view endpoint,
                                        std::string_view id_or_name) {
  for (const auto& each : observed.containers) {
    if (each.endpoint != endpoint) continue;
    if (each.container.id == id_or_name || each.container.name == id_or_name) return &each;
  }
  return nullptr;
}

std::string namespace_owner(const Observed& observed, const ObservedContainer& container) {
  const std::string& mode = container.container.network_mode;
  if (!mode.starts_with(joined)) return container.container.id;
  const auto* owner = find_container(observed, container.endpoint, std::string_view(mode).substr(joined.size()));
  // An owner that is gone leaves the namespace to those who joined it.
  return owner == nullptr ? container.container.id : owner->container.id;
}

std::string owner_network_mode(const Observed& observed, const ObservedContainer& container) {
  const auto* owner = find_container(observed, container.endpoint, namespace_owner(observed, container));
  return owner == nullptr ? container.container.network_mode : owner->container.network_mode;
}

}  // namespace entropy::control
