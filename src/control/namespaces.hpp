// Containers that share one network namespace ("container:<id>"), seen from the one that owns it.
#pragma once

#include <string>

#include "control/plan.hpp"

namespace entropy::control {

// The id of the container that owns the network namespace of this one: its own, or that of the one it joined.
std::string namespace_owner(const Observed& observed, const ObservedContainer& container);

// The owner's network mode.
std::string owner_network_mode(const Observed& observed, const ObservedContainer& container);

// nullptr if it is not up.
const ObservedContainer* find_container(const Observed& observed, std::string_view endpoint,
                                        std::string_view id_or_name);

}  // namespace entropy::control
