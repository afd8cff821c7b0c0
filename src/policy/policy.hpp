// A policy: what shall go wrong, for whom, when and how often. Values only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "failure/failure.hpp"
#include "policy/pick.hpp"
#include "policy/schedule.hpp"
#include "policy/selector.hpp"

namespace entropy::policy {

struct Policy {
  std::string name;
  std::string description;
  std::map<std::string, std::string> labels;  // for those who made it: whose it is, what it is for
  Selector selector;
  std::vector<failure::Failure> failures;  // act together; at least one
  Schedule schedule;
  Pick pick;
  bool running = true;  // the `state` that the user wants
  bool operator==(const Policy&) const = default;
};

// A policy as it is kept.
struct Record {
  Policy policy;
  std::uint64_t revision = 0;  // 1 at first, then one more with every change
  Time created;
  Time updated;
  bool operator==(const Record&) const = default;
};

// [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 63 characters.
Result<> check_name(std::string_view name);

// "brave-otter": for whoever gives none. `entropy` numbers are consumed as they come.
std::string make_name(std::uint64_t random);

// Whether a change from `before` to `after` begins the schedule anew (a new epoch).
bool restarts_schedule(const Policy& before, const Policy& after);

}  // namespace entropy::policy
