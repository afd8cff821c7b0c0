#include "control/labels.hpp"

#include "base/text.hpp"
#include "base/version.hpp"

namespace entropy::control {

std::string label_of(const docker::Container& container, std::string_view key) {
  const auto found = container.labels.find(std::string(key));
  return found == container.labels.end() ? "" : found->second;
}

bool is_injector(const docker::Container& container) { return label_of(container, label::injector) == "true"; }

bool is_of_ours(const docker::Container& container) { return !label_of(container, label::injector).empty(); }

namespace {

// Least privilege for the injector's program, whatever it is to do.
docker::ContainerSpec confined_spec(std::string_view endpoint, std::string_view manager_id, std::string_view image) {
  docker::ContainerSpec spec;
  spec.image = image;
  spec.labels = {{std::string(label::manager), std::string(manager_id)},
                 {std::string(label::endpoint), std::string(endpoint)},
                 {std::string(label::version), std::string(version)}};
  spec.cap_drop = {"ALL"};
  spec.cap_add = {"NET_ADMIN"};
  spec.security_options = {"no-new-privileges"};
  spec.read_only_root = true;
  spec.open_stdin = true;
  spec.auto_remove = true;
  // The kernel charges packets that wait for a verdict to their sockets, not to the injector; this is for itself.
  spec.memory_bytes = 64 << 20;
  spec.pids_limit = 8;
  spec.log_options = {{"max-size", "1m"}, {"max-file", "1"}};
  return spec;
}

}  // namespace

docker::ContainerSpec injector_spec(const CreateInjector& action, std::string_view manager_id, std::string_view image) {
  auto spec = confined_spec(action.endpoint, manager_id, image);
  spec.name = concat("entropy-", action.target_name);
  spec.labels[std::string(label::injector)] = "true";
  spec.labels[std::string(label::target)] = action.target_id;
  spec.labels[std::string(label::target_started)] = action.target_started;
  spec.network_mode = concat("container:", action.target_id);
  return spec;
}

docker::ContainerSpec examiner_spec(std::string_view endpoint, std::string_view manager_id, std::string_view image) {
  auto spec = confined_spec(endpoint, manager_id, image);
  spec.command = {"--examine"};
  spec.labels[std::string(label::injector)] = "examiner";
  spec.network_mode = "bridge";  // with an interface to try it on
  return spec;
}

ObservedInjector injector_from(std::string_view endpoint, const docker::Container& container) {
  ObservedInjector injector;
  injector.endpoint = endpoint;
  injector.id = container.id;
  injector.name = container.name;
  injector.target_id = label_of(container, label::target);
  injector.target_started = label_of(container, label::target_started);
  injector.running = container.state == "running";
  injector.other_version = label_of(container, label::version) != version;
  return injector;
}

}  // namespace entropy::control
