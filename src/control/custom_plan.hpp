// Custom injector images (docs/injectors.md) in the plan: which containers of theirs shall run now, and what has to be
// done about those there are. Pure, as the plan whose part it is.
//
// One container for each policy, network namespace and window that is hit. Its name is taken by one at a time: the one
// of a window must have ended and gone before that of the next can be made.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "control/picks.hpp"
#include "policy/policy.hpp"
#include "program/report.hpp"

namespace entropy::control {

// What shall run.
struct CustomRun {
  std::string endpoint;
  std::string target_id;  // the owner of the network namespace
  std::string target_name;
  std::string target_started;
  policy::CustomFailure custom;
  std::uint64_t seed = 0;
  program::Fault fault;  // without `started`
  Duration length{0};    // of the window
  Time until;            // it is ended then
  std::string key;       // the same for what may go on as it is: `content_of` it, '.', its window's
};

struct ObservedCustom {
  std::string endpoint;
  std::string id;
  std::string name;
  std::string policy;
  std::string target_id;
  std::string target_started;
  std::string key;
  bool running = false;
  bool followed = false;  // its output is being read
  bool ended = false;     // how it ended is known and recorded
  bool failed = false;    // it has ended, or has to, with a failure
  bool ending = false;    // it was asked to end
  std::optional<program::Fault> active;
  bool said = false;  // whether it has started, or can't, is known
  std::string message;
};

// Why the image can't be run for a policy on a target, and when it is tried again.
struct CustomTrouble {
  std::string content;  // of what had the trouble: something else has not
  std::string message;  // empty: it runs again
  Time retry_at;
  Duration delay{0};
};
using CustomTroubles = std::map<std::pair<std::string, std::string>, CustomTrouble>;  // by policy and target id

std::string content_of(const policy::CustomFailure& custom);
// From a key.
std::string content_of(std::string_view key);

struct CreateCustom {
  CustomRun run;
};
// Its output is read, and its end recorded.
struct FollowCustom {
  std::string endpoint;
  std::string id;
};
struct StopCustom {
  std::string endpoint;
  std::string id;
  std::string reason = {};
};
struct RemoveCustom {
  std::string endpoint;
  std::string id;
};
using CustomAction = std::variant<CreateCustom, FollowCustom, StopCustom, RemoveCustom>;

// The window that holds now and when its container is ended: at its end, but a window without one is served by
// containers of an hour each, so that none outlives a manager for long.
struct CustomWindow {
  policy::Window window;
  Time until;
};
std::optional<CustomWindow> custom_window(const policy::Schedule& schedule, Time now);

// When the answer of `custom_window` changes next.
Time next_custom_change(const policy::Schedule& schedule, Time now);

class Index;
struct Observed;
struct ObservedContainer;
struct Plan;

// By endpoint, policy and target id.
using CustomPlace = std::tuple<std::string, std::string, std::string>;
using CustomRuns = std::map<CustomPlace, CustomRun>;

// Adds what `policy` wants now of the namespace of a container, whose dice count for all of it.
void add_custom_run(CustomRuns& due, const Index& index, const Picks& picks, const policy::Policy& policy,
                    const ObservedContainer& container, Time now);

std::vector<CustomAction> plan_custom(const CustomRuns& due, const Observed& observed, Time now);

// Whether a container of the policy is on its way, or has not said yet whether it has started.
bool custom_unsettled(const Observed& observed, const Plan& plan, std::string_view policy);

// nullptr if there is none.
const CustomTrouble* custom_trouble(const Observed& observed, const policy::Policy& policy, const std::string& target);

}  // namespace entropy::control
