// Creating a container under a name that a former one of ours may still hold.
#pragma once

#include <string>
#include <string_view>

#include "control/endpoint.hpp"

namespace entropy::control {

// The new container's id. One of this manager that holds the name is removed first; whoever else holds it is named in
// the error (ErrorCode::conflict).
docker::Task<std::string> create_under_own_name(Endpoint& where, docker::ContainerSpec spec, std::string manager_id);

}  // namespace entropy::control
