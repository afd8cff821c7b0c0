// The labels on what Entropy creates, and those by which a user says what may be touched.
#pragma once

#include <string>
#include <string_view>

#include "control/plan.hpp"
#include "docker/engine.hpp"

namespace entropy::control {

namespace label {
inline constexpr std::string_view injector = "entropy.injector";  // "true" on every injector; on examiners another word
inline constexpr std::string_view manager = "entropy.manager";
inline constexpr std::string_view endpoint = "entropy.endpoint";
inline constexpr std::string_view target = "entropy.target";  // full id of the network namespace's owner
inline constexpr std::string_view target_started = "entropy.target-started";
inline constexpr std::string_view version = "entropy.version";
inline constexpr std::string_view policy = "entropy.policy";  // of custom images alone, as are the next two
inline constexpr std::string_view run = "entropy.run";        // CustomRun::key
inline constexpr std::string_view fault = "entropy.fault";    // its fault, as a report's line
inline constexpr std::string_view protect = "entropy.protect";
inline constexpr std::string_view enable = "entropy.enable";
inline constexpr std::string_view allow = "entropy.allow";
// Others put these on containers: Compose, Swarm.
inline constexpr std::string_view compose_service = "com.docker.compose.service";
inline constexpr std::string_view compose_project = "com.docker.compose.project";
inline constexpr std::string_view swarm_service_id = "com.docker.swarm.service.id";
inline constexpr std::string_view swarm_service = "com.docker.swarm.service.name";
inline constexpr std::string_view swarm_stack = "com.docker.stack.namespace";
inline constexpr std::string_view swarm_task = "com.docker.swarm.task.name";
}  // namespace label

// Empty where it has none.
const std::string& label_of(const docker::Container& container, std::string_view key);

bool is_injector(const docker::Container& container);
// Injectors and examiners: never targets.
bool is_of_ours(const docker::Container& container);

// The sidekick for a target: least privilege, no restart, gone when it ends.
docker::ContainerSpec injector_spec(const CreateInjector& action, std::string_view manager_id, std::string_view image);

// The injector's program in a network namespace of its own, where it tries what the engine's kernel can do, and ends.
docker::ContainerSpec examiner_spec(std::string_view endpoint, std::string_view manager_id, std::string_view image);

// A custom image beside a target, confined in the same way.
docker::ContainerSpec custom_spec(const CustomRun& run, std::string_view manager_id);

// What a trial makes (control/trial.hpp): a target, the image beside it, and a look at what is in its namespace. They
// are neither injectors nor targets for anybody else.
docker::ContainerSpec trial_target_spec(std::string_view endpoint, std::string_view manager_id, std::string_view image);
docker::ContainerSpec trial_spec(const CustomRun& run, std::string_view manager_id);
docker::ContainerSpec snapshot_spec(std::string_view endpoint, std::string_view manager_id, std::string_view image,
                                    std::string_view target);

// Whether a container of ours is of a custom image, and what its labels say; the rest is left empty.
bool is_custom(const docker::Container& container);
// An injector of Entropy's own, which serves a network namespace.
bool is_network_injector(const docker::Container& container);
ObservedCustom custom_from(std::string_view endpoint, const docker::Container& container);
program::Fault fault_from(const docker::Container& container);

// What the labels of an injector's container say; the connection's part is left empty.
ObservedInjector injector_from(std::string_view endpoint, const docker::Container& container);

}  // namespace entropy::control
