// Creating a container under a name that a former one of ours may still hold.
#pragma once

#include <string>
#include <string_view>

#include "control/endpoint.hpp"

namespace entropy::control {

// The new container's id. One of this manager that holds the name is removed first; whoever else holds it is named in
// the error (ErrorCode::conflict).
docker::Task<std::string> create_under_own_name(Endpoint& where, docker::ContainerSpec spec, std::string manager_id);

// Whether another manager's injector runs beside the target (ErrorCode::conflict): both would want the same namespace.
Result<> check_nobody_is_beside(const Endpoint& where, const std::string& target_id, const std::string& manager_id);

}  // namespace entropy::control
