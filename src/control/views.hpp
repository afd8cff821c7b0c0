// What the control plane shows of itself: plain values that the API prints.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "failure/catalogue.hpp"
#include "policy/policy.hpp"
#include "store/audit_record.hpp"
#include "store/fault_record.hpp"

namespace entropy::control {

// The first that holds, in the order of the interface: stopped, expired, halted, waiting, degraded, active, armed.
enum class Phase { stopped, expired, halted, waiting, degraded, active, armed };
std::string_view to_string(Phase phase);

// One of a policy's `stop_when` or `start_when`, as it is now.
struct ConditionView {
  bool stop = false;  // or start
  std::string condition;
  bool holds = false;
  std::string evidence;  // what was seen last
  bool operator==(const ConditionView&) const = default;
};

struct PolicyStatus {
  Phase phase = Phase::waiting;
  std::string message;  // in one sentence, why the phase is what it is
  std::uint64_t targets = 0;
  std::uint64_t injectors = 0;  // running ones that serve the policy
  std::uint64_t active = 0;     // faults that hold now, read back
  std::uint64_t missed = 0;     // since the service started
  std::optional<Time> next_window;
  std::vector<ConditionView> conditions = {};
  std::optional<policy::Stop> stopped = {};  // by one of them
  bool operator==(const PolicyStatus&) const = default;
};

// How one container fares under one policy.
struct TargetState {
  std::string id;
  std::string name;
  std::string endpoint;
  bool matched = false;
  std::string reason;  // why it is not matched, or not served
  // Of one policy in detail: active, armed, starting, held-back, degraded, idle, spared; else empty.
  std::string state = {};
  std::map<std::string, std::string, std::less<>> labels = {};  // where all containers are listed
  std::string service = {};                                     // of Compose or Swarm; empty: of none
  std::string project = {};                                     // the Compose project or Swarm stack; empty: none
  // Why the service's limits keep the window that holds now from it; empty: they don't.
  std::string held_back = {};
  // Of one policy in detail: what is done to its packets now, by all policies; a line for each class of traffic.
  std::vector<std::string> effects = {};
  bool operator==(const TargetState&) const = default;
};

struct ActiveFault {
  std::string policy;
  std::string failure;
  std::uint64_t window = 0;
  Time since;
  std::string target = {};  // of what is done to a container itself: its name
  bool operator==(const ActiveFault&) const = default;
};

struct PolicyView {
  policy::Record record;
  PolicyStatus status;
  std::vector<TargetState> targets;       // matched ones
  std::vector<TargetState> skipped = {};  // selected, but excluded by a rule, with the reason
  std::vector<ActiveFault> acts = {};     // that hold on containers themselves, done by the service
};

enum class InjectorState { starting, running, paused, failed, removing };
std::string_view to_string(InjectorState state);

struct InjectorView {
  std::string id;
  std::string name;
  std::string endpoint;
  std::string target_id;
  std::string target_name;
  std::vector<std::string> policies;
  InjectorState state = InjectorState::starting;
  std::string backend = "none";
  std::vector<ActiveFault> active;
  std::vector<std::string> effects;  // line by line what they do to whose packets, as read back
  std::string message;
};

struct HaltView {
  bool halted = false;
  std::string reason;
  std::optional<Time> since;
};

// What other services have on an engine, or had: by their id.
struct OthersView {
  std::string manager;
  std::uint64_t containers = 0;
  std::vector<std::string> orphans;  // names of those that nobody serves any more
};

// What was removed from an engine, and what could not be.
struct CleanedView {
  std::string endpoint;
  std::vector<std::string> removed;
  std::vector<std::string> failed;  // name and why
};

struct EndpointView {
  std::string endpoint;
  bool up = false;
  std::string message;  // why it is not up, or what it can't tell
  std::string name;
  std::string server_version;
  std::string api_version;
  std::string operating_system;
  std::string kernel_version;
  std::string architecture;
  std::string swarm;           // its part in a Swarm: inactive, worker, manager, ... (control/swarm.hpp)
  std::uint64_t services = 0;  // of the Swarm, where it is a manager
  std::uint64_t containers = 0;
  std::vector<std::string> backends;  // those that injectors have found to work there
  struct Examined {
    std::string backend;
    std::string missing;  // why it does not work; empty: it does
  };
  std::vector<Examined> examined;  // of every backend, where it was asked for
  std::vector<OthersView> others;  // likewise
};

// Who asks for a change, and from where; for the audit log and the events.
using store::AuditQuery;
using store::AuditRecord;
using store::Caller;

using store::FaultQuery;
using store::FaultRecord;
using store::Outcome;
using store::to_string;

// A window that the pure schedule foresees for a target of today.
struct ForecastRow {
  std::string policy;
  std::string target;
  std::string endpoint;
  policy::Window window;
};

struct Preview {
  std::vector<TargetState> matched;
  std::vector<TargetState> skipped;  // with reasons
  std::vector<ForecastRow> windows;  // the first few of each matched target
};

// A failure that an image on an engine offers (its label `entropy.failures`).
struct OfferedFailure {
  std::string image;
  failure::Kind kind;
};

// How a custom image fared against a throw-away target.
struct TrialRule {
  std::string rule;
  enum class Verdict { pass, note, fail } verdict = Verdict::pass;
  std::string message;
};
struct TrialView {
  policy::CustomFailure custom;
  std::vector<TrialRule> rules;
};

struct Event {
  std::uint64_t id = 0;
  Time time;
  std::string type;  // "policy.created", "fault.started", ...
  std::string policy;
  std::string target;  // name
  std::string endpoint;
  boost::json::object data;
};

struct ServiceInfo {
  std::string manager_id;
  std::string version;
  std::uint64_t policies = 0;
  std::uint64_t injectors = 0;
  std::uint64_t active_faults = 0;
  HaltView halt;
  std::vector<EndpointView> endpoints;
  std::string message;  // what is wrong with the service itself; empty: nothing
};

}  // namespace entropy::control
