// Failures of the container itself in the plan: which of them are due, and what has to be done about those that are
// under way. Pure, as the plan whose part it is.
//
// An act that lasts (pause, stop, a limit) belongs to one policy, window and container; several may want the same of a
// container, and it is undone when the last of them ends. One that is over at once (kill, restart, remove) happens once
// in a window to whoever has the target's name: its row in the store stays until the window ends.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "control/picks.hpp"
#include "failure/container.hpp"
#include "policy/policy.hpp"
#include "program/report.hpp"
#include "store/act_record.hpp"

namespace entropy::control {

// What shall hold or happen now.
struct DueAct {
  std::string endpoint;
  std::string container;  // id
  std::string name;
  failure::ContainerFailure failure;
  program::Fault fault;  // without `started`
};

// What is in the store, or about to be (`record.id` is 0).
struct ObservedAct {
  store::ActRecord record;
  failure::ContainerFailure failure;
  bool holds = false;   // it was read back as done, and is not over
  bool undone = false;  // by the service, and kept in doubt: where it is due, it is begun anew
  bool back = false;    // it was over, and an engine has done it late
};

// Why an act could not be done, and when it is tried again; by policy and container id.
struct ActTrouble {
  std::string message;
  Time retry_at;
  Duration delay{0};
};
using ActTroubles = std::map<std::pair<std::string, std::string>, ActTrouble>;

struct BeginAct {
  DueAct due;
};
// The service, or the engine's answer, was lost when it was to be done.
struct ResumeAct {
  std::uint64_t id = 0;
};
// Its window is over, or nobody wants it any more.
struct EndAct {
  std::uint64_t id = 0;
};
using ActStep = std::variant<BeginAct, ResumeAct, EndAct>;

// By endpoint, policy, target's name and the window's begin.
using ActPlace = std::tuple<std::string, std::string, std::string, Time>;

struct ActPlan {
  // By endpoint and container id; in this order, what begins before what ends.
  std::map<std::pair<std::string, std::string>, std::vector<ActStep>> steps;
  std::set<ActPlace> capped;  // left alone because the last replica of a service has to stay
};

class Index;
struct Desired;
struct ObservedContainer;

// The service of Compose or Swarm that the container is a replica of; empty: of none.
std::string service_key(const ObservedContainer& container);

// Adds what `policy` wants of the container now.
void add_due_acts(std::vector<DueAct>& due, const Picks& picks, const policy::Policy& policy,
                  const ObservedContainer& container, Time now);

ActPlan plan_acts(const std::vector<DueAct>& due, const Desired& desired, const Index& index, Time now);

// Whether the act takes its container down now, or has done so and it is not well again.
bool is_harming(const ObservedAct& act);

}  // namespace entropy::control
