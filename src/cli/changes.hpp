// What `apply` has to do: from what the files say and what the service has. Pure.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "policy/policy_file.hpp"

namespace entropy::cli {

// On the policies that `apply` has made: the set of files that they are from. What has no such label is never pruned.
inline constexpr std::string_view set_label = "entropy.set";

// One field, as a path: "failure.latency.delay". Empty: not there.
struct Difference {
  std::string field;
  std::string before;
  std::string after;
  bool operator==(const Difference&) const = default;
};

struct Change {
  enum class Kind { create, update, remove, none };
  Kind kind = Kind::none;
  std::string name;
  std::vector<Difference> differences;
  bool begins_anew = false;    // the schedule, by an update
  std::string joins = {};      // the set that it becomes one of by an update; empty: it stays where it is
  std::uint64_t revision = 0;  // of the policy that is changed
  boost::json::object body;    // of the request; empty for a removal
};

struct ApplyTerms {
  bool prune = false;      // what an earlier apply of the same sets has made and the files no longer have goes
  bool take_over = false;  // what is of another set, too
};

// `current` is the answer of GET /v1/policies. In the order of the files, then removals. ErrorCode::conflict names
// every policy that is of another set; what is of none, made by hand, is taken.
Result<std::vector<Change>> plan_changes(const boost::json::value& current,
                                         const std::vector<policy::FilePolicy>& wanted, const ApplyTerms& terms);

// The set of files that a policy is from; empty: it was made by hand.
std::string set_of(const policy::Policy& policy);

// A policy of the service's answer: its status and what else is no field of a policy left out.
boost::json::object policy_fields(const boost::json::value& answer);
Result<policy::Draft> policy_of(const boost::json::value& answer);

}  // namespace entropy::cli
