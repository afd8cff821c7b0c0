// Who takes part in which window, for policies that pick some of their targets: decided ahead of time, so that
// injectors know it before the window begins, and kept while the window holds: who comes later waits for the next one.
// (Where there is only one window, those who come later take the places that are free.)
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.hpp"
#include "store/fault_record.hpp"

namespace entropy::control {

struct PolicyPicks {
  Time epoch{};
  policy::Pick pick;
  bool complete = true;                                    // every engine could be asked
  std::map<std::uint64_t, std::set<std::string>> windows;  // the names that the dice are rolled for
  // Of those, who has a hit that is too much for the service's limits as of now, and why (control/limits.hpp).
  std::map<std::uint64_t, std::map<std::string, std::string>> held_back = {};
  bool operator==(const PolicyPicks&) const = default;
};

using Picks = std::map<std::string, PolicyPicks>;  // by policy

struct Candidates {
  std::set<std::string> names;
  bool complete = true;  // false while an engine can't be asked: then nobody is late
};

// From what was decided before to what is decided now.
PolicyPicks decide_picks(const policy::Policy& policy, const Picks& before, const Candidates& candidates, Time now);

// What a former service decided, as far as its faults that have not ended tell: who is in stays in.
Picks recalled_picks(const std::vector<policy::Record>& policies, const std::vector<store::FaultRecord>& open);

// The windows in which this target takes part.
std::vector<std::uint64_t> windows_of(const PolicyPicks& picks, const std::string& name);

// Why the service's limits keep a target that was picked out of the window; nullptr: they don't.
const std::string* held_back(const Picks& picks, std::string_view policy, const std::string& name,
                             std::uint64_t window);

// Whether the target was told by such picks to take part in the window.
bool was_let_in(const Picks& before, const policy::Policy& policy, const std::string& name, std::uint64_t window);

// Whether the target takes part in the window, as far as that is decided; false where it is not.
bool is_picked(const Picks& picks, const policy::Policy& policy, const std::string& name, std::uint64_t window);

}  // namespace entropy::control
