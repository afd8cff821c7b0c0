// From the program and the time to the faults that shall hold now: pure.
#pragma once

#include <string>
#include <vector>

#include "failure/failure.hpp"
#include "policy/schedule.hpp"
#include "program/command.hpp"

namespace entropy::injector {

// One failure of one policy in one window.
struct Due {
  std::string policy;
  std::string target;
  failure::Failure failure;
  policy::Window window;
  program::Resolved resolved = {};
  // Whether this is the same fault. When its window shall end, and who its peers are, may have changed meanwhile.
  bool same_as(const Due& other) const;
};

bool contains(const std::vector<Due>& faults, const Due& fault);

struct Flags {
  bool paused = false;
  bool leased = true;
};

struct Decision {
  std::vector<Due> faults;    // in the program's order
  Time next = policy::never;  // when the answer may change next
};

// Nothing holds while paused or without a lease, and no time changes that.
Decision decide(const program::Program& program, Time now, Flags flags);

}  // namespace entropy::injector
