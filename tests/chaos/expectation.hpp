// What a world must look like once the manager has had its time: worked out from the containers and the policies alone.
#pragma once

#include <string>
#include <vector>

#include "chaos/service.hpp"

namespace entropy::chaos {

struct Intent {
  std::vector<policy::Record> policies;
  bool halted = false;
};

// The first thing that is not as it shall be; empty: all is well. A halt may leave idle injectors.
std::string deviation(World& world, const Intent& intent);

// The same for what the manager says of its policies.
std::string untruth(World& world, const Intent& intent, const std::vector<control::PolicyView>& views);

}  // namespace entropy::chaos
