// Services of a Swarm, joined with the containers of their tasks: what a service's labels say holds for its containers.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/prefix.hpp"
#include "docker/engine.hpp"

namespace entropy::control {

using Services = std::map<std::string, docker::SwarmService>;  // by id

// The id of the service that the container is a task of; empty: of none.
std::string service_id(const docker::Container& container);

// Adds the labels of the container's service, if it is among these; those that the container has itself win.
void add_service_labels(docker::Container& container, const Services& services);

// The virtual addresses of the container's service, if it is among these.
std::vector<Prefix> service_addresses(const docker::Container& container, const Services& services);

// inactive, worker, manager, or what keeps the node from being one of these (pending, locked, error); empty: the engine
// knows no Swarm.
std::string swarm_role(const docker::SwarmNode& node);

// Why the labels of services are not known for the containers of this node; empty: they are, or there are none.
// `managers`: the ids of the nodes behind all of our endpoints that answer about services.
std::string swarm_note(const docker::SwarmNode& node, const std::set<std::string>& managers);

}  // namespace entropy::control
