#include "control/labels.hpp"

#include "base/text.hpp"
#include "base/version.hpp"
#include "program/report_reader.hpp"

namespace entropy::control {

const std::string& label_of(const docker::Container& container, std::string_view key) {
  static const std::string none;
  const auto found = container.labels.find(key);
  return found == container.labels.end() ? none : found->second;
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
  // The kernel charges packets that wait for a verdict to their sockets, not to the injector; this is for itself.
  spec.memory_bytes = 64 << 20;
  spec.pids_limit = 8;
  spec.log_options = {{"max-size", "1m"}, {"max-file", "1"}};
  return spec;
}

docker::ContainerSpec own_spec(std::string_view endpoint, std::string_view manager_id, std::string_view image) {
  auto spec = confined_spec(endpoint, manager_id, image);
  spec.open_stdin = true;
  spec.auto_remove = true;
  return spec;
}

}  // namespace

docker::ContainerSpec injector_spec(const CreateInjector& action, std::string_view manager_id, std::string_view image) {
  auto spec = own_spec(action.endpoint, manager_id, image);
  spec.name = concat("entropy-", action.target_name);
  spec.labels[std::string(label::injector)] = "true";
  spec.labels[std::string(label::target)] = action.target_id;
  spec.labels[std::string(label::target_started)] = action.target_started;
  spec.network_mode = concat(docker::container_mode, action.target_id);
  return spec;
}

docker::ContainerSpec examiner_spec(std::string_view endpoint, std::string_view manager_id, std::string_view image) {
  auto spec = own_spec(endpoint, manager_id, image);
  spec.command = {"--examine"};
  spec.labels[std::string(label::injector)] = "examiner";
  spec.network_mode = "bridge";  // with an interface to try it on
  return spec;
}

docker::ContainerSpec custom_spec(const CustomRun& run, std::string_view manager_id) {
  constexpr std::size_t short_id = 12;
  auto spec = confined_spec(run.endpoint, manager_id, run.custom.image);
  spec.name = concat(run.fault.policy, "_", run.target_id.substr(0, short_id));
  spec.network_mode = concat(docker::container_mode, run.target_id);
  spec.stop_signal = "SIGTERM";
  // Room for a script with its tools, and for interpreters.
  spec.memory_bytes = 128 << 20;
  spec.pids_limit = 64;
  spec.tmpfs = {{"/tmp", "size=16m"}, {"/run", "size=4m"}};
  spec.labels[std::string(label::injector)] = "true";
  spec.labels[std::string(label::target)] = run.target_id;
  spec.labels[std::string(label::target_started)] = run.target_started;
  spec.labels[std::string(label::policy)] = run.fault.policy;
  spec.labels[std::string(label::run)] = run.key;
  spec.labels[std::string(label::fault)] = program::to_json_line(program::FaultStarted{run.fault, ""});
  const std::string seconds = concat(std::chrono::ceil<std::chrono::seconds>(run.length).count());
  spec.environment = {concat("ENTROPY_FAILURES=", run.custom.name),
                      concat("ENTROPY_PARAMETERS=", run.custom.parameters),
                      concat("ENTROPY_DURATION=", seconds),
                      concat("ENTROPY_FREQUENCY=", seconds),
                      "ENTROPY_PROBABILITY=1",
                      concat("ENTROPY_TARGET=", run.target_id),
                      concat("ENTROPY_POLICY=", run.fault.policy),
                      concat("ENTROPY_SEED=", run.seed)};
  return spec;
}

docker::ContainerSpec trial_target_spec(std::string_view endpoint, std::string_view manager_id,
                                        std::string_view image) {
  auto spec = own_spec(endpoint, manager_id, image);
  spec.command = {"--hold"};
  spec.labels[std::string(label::injector)] = "trial";
  spec.network_mode = "bridge";
  return spec;
}

docker::ContainerSpec trial_spec(const CustomRun& run, std::string_view manager_id) {
  auto spec = custom_spec(run, manager_id);
  spec.name.clear();
  for (const auto key : {label::target, label::target_started, label::policy, label::run, label::fault}) {
    spec.labels.erase(std::string(key));
  }
  spec.labels[std::string(label::injector)] = "trial";
  return spec;
}

docker::ContainerSpec snapshot_spec(std::string_view endpoint, std::string_view manager_id, std::string_view image,
                                    std::string_view target) {
  auto spec = confined_spec(endpoint, manager_id, image);
  spec.command = {"--snapshot"};
  spec.labels[std::string(label::injector)] = "trial";
  spec.network_mode = concat(docker::container_mode, target);
  return spec;
}

bool is_custom(const docker::Container& container) { return !label_of(container, label::policy).empty(); }

bool is_network_injector(const docker::Container& container) { return is_injector(container) && !is_custom(container); }

ObservedCustom custom_from(std::string_view endpoint, const docker::Container& container) {
  ObservedCustom custom;
  custom.endpoint = endpoint;
  custom.id = container.id;
  custom.name = container.name;
  custom.policy = label_of(container, label::policy);
  custom.target_id = label_of(container, label::target);
  custom.target_started = label_of(container, label::target_started);
  custom.key = label_of(container, label::run);
  return custom;
}

program::Fault fault_from(const docker::Container& container) {
  const auto report = program::parse_report(label_of(container, label::fault));
  const auto* started = report ? std::get_if<program::FaultStarted>(&*report) : nullptr;
  return started == nullptr ? program::Fault{} : started->fault;
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
