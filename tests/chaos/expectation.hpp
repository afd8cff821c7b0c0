// What a world must look like once the manager has had its time: worked out from the containers and the policies alone.
#pragma once

#include <string>
#include <vector>

#include "chaos/service.hpp"

namespace entropy::chaos {

inline const std::string our_id = "m1";
inline const std::string neighbours_id = "m2";

// Of one manager.
struct Intent {
  std::string manager;
  std::vector<policy::Record> policies;
  bool halted = false;
};

// The first thing that is not as it shall be; empty: all is well. A halt may leave idle injectors. A namespace has one
// injector, of whoever came first.
std::string deviation(World& world, const std::vector<Intent>& intents);

// The same for what a manager says of its policies, and of others on its engines.
std::string untruth(World& world, const Intent& intent, control::Manager& manager);

}  // namespace entropy::chaos
