// What other services have on an engine, and what of it nobody serves any more.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/endpoint.hpp"

namespace entropy::control {

struct OthersContainer {
  std::string id;
  std::string name;
  std::string manager;
  bool orphan = false;
};

// Whether nobody comes back for a container of Entropy. `log` is the end of what it has said. An injector says itself
// when its lease is over; a custom image should have been ended with its window, and whatever does not run should have
// been removed. In doubt it is none. Pure.
bool is_orphan(const docker::ContainerDetails& details, std::string_view log, Time now);

// All containers of other services, and what trials of this one have left.
docker::Task<std::vector<OthersContainer>> look_at_others(Endpoint& where, std::string manager_id, const Clock& clock);

}  // namespace entropy::control
