// The heart: from what is wanted and what is observed to what has to be done. Pure; no clock, no engine.
//
// A *target* is a running container that a policy's selector matches and that no rule excludes. One injector serves a
// network namespace, and with it every target in there. An injector belongs to one start of the namespace's owner:
// after a restart its namespace is dead, and a new one takes its place.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "control/act_plan.hpp"
#include "control/custom_plan.hpp"
#include "control/limits.hpp"
#include "control/observed_containers.hpp"
#include "control/picks.hpp"
#include "control/views.hpp"
#include "docker/engine.hpp"
#include "policy/policy.hpp"
#include "program/command.hpp"
#include "program/report.hpp"

namespace entropy::control {

// Who may be touched at all.
struct Rules {
  std::optional<policy::Selector> scope;
  bool require_opt_in = false;
  Limits limits = {};
  std::string own_container;  // prefix of the id of the container that Entropy itself runs in; empty: in none
};

struct Desired {
  std::vector<policy::Record> policies;
  bool halted = false;
  Rules rules;
};

// A container that has ended lately, or in which something was killed for want of memory.
struct ObservedEnd {
  ObservedContainer container;
  Time at;
  std::optional<int> exit_code;  // none: it is up again, and nobody has heard
  bool out_of_memory = false;    // then it may live on
};

struct ObservedInjector {
  std::string endpoint;
  std::string id;
  std::string name;
  std::string target_id;       // the owner of the network namespace
  std::string target_started;  // the start of it that this injector belongs to
  bool running = false;
  bool created = false;  // and not started yet
  bool other_version = false;
  bool attached = false;
  bool silent = false;              // has not answered to its program in time
  bool unheard = false;             // nothing comes of it, and the engine was asked why
  bool gives_way = false;           // another Entropy made one beside the same target in the same moment, which stays
  std::uint64_t sent_revision = 0;  // of the program handed over last; 0: none on this connection
  std::vector<program::Entry> sent;
  std::optional<program::State> state;  // as reported last
};

struct Observed {
  ObservedContainers containers;
  std::vector<ObservedInjector> injectors;                // this manager's alone
  std::map<std::string, std::string> lost;                // endpoints that can't be reached, and why
  std::map<std::string, std::string> failures;            // target id -> why its injector could not be made
  std::map<std::string, std::vector<Prefix>> hosts = {};  // names of no container of ours, and where they are
  std::map<std::string, std::string> unresolved = {};     // names of which nothing is known, and why
  Picks picks = {};                                       // as decided by the latest plan that was acted on
  std::vector<ObservedCustom> customs = {};               // this manager's alone
  CustomTroubles custom_troubles = {};
  std::vector<ObservedAct> acts = {};
  ActTroubles act_troubles = {};
  ObservedContainers down = {};                              // with acts of ours, and not up
  std::map<std::string, std::set<std::string>> absent = {};  // replicas of services that are not up, by service_key
  std::vector<ObservedEnd> ends = {};
  std::map<std::string, std::set<std::string>> others = {};  // ids of other services that have injectors there
  std::map<std::string, Duration> skews = {};  // endpoints whose clock differs: how far it is ahead of ours
};

struct CreateInjector {
  std::string endpoint;
  std::string target_id;
  std::string target_name;
  std::string target_started;
  std::vector<program::Entry> entries;
};
struct AttachInjector {
  std::string endpoint;
  std::string id;
};
struct SendProgram {
  std::string endpoint;
  std::string id;
  std::vector<program::Entry> entries;
};
struct RemoveInjector {
  std::string endpoint;
  std::string id;
  std::string target_id;
  std::string reason;
};
using Action = std::variant<CreateInjector, AttachInjector, SendProgram, RemoveInjector>;

// What the plan found out about one policy, for its status.
struct Match {
  std::vector<TargetState> targets;  // matched; `reason` says why one is not served
  std::vector<TargetState> skipped;  // selected, but excluded by a rule, with the reason
  std::vector<TargetState> down;     // that the policy itself has taken down
};

struct Plan {
  std::vector<Action> actions;
  std::vector<CustomAction> custom;
  ActPlan acts;
  std::map<std::string, Match> matches;  // by policy, also the stopped ones
  // Of policies that run and don't take all of their targets; of all that run where there are limits.
  Picks picks = {};
  // When somebody whose window holds gets the room that the limits leave then.
  Time next_let_in = policy::never;
};

// What was observed, searchable (control/namespaces.hpp).
class Index;

Plan plan(const Desired& desired, const Index& index, Time now);

// What a selector sees of a container, to which it refers.
class ContainerSubject final : public policy::Subject {
 public:
  explicit ContainerSubject(const ObservedContainer& container) : container_(container) {}
  const std::string* label(const std::string& key) const override;
  bool any(policy::Attribute attribute, const Take& take) const override;

 private:
  const ObservedContainer& container_;
};
inline ContainerSubject subject_of(const ObservedContainer& container) { return ContainerSubject(container); }

// One container as it is shown; `matched`, until a rule says no.
TargetState target_state(const ObservedContainer& container);

// The name that the dice are rolled for: the container's, or for a Swarm task "service.slot", so that a task keeps its
// fate when it is replaced. A global service has no slots but nodes, one task each: "service.<node id>". The id and not
// the host's name, because it is what the task's own name says, on workers too, and no two nodes have the same.
std::string schedule_name(const docker::Container& container);

// Why rules exclude the container, whatever the policy; none: it may be touched.
std::optional<std::string> excluded(const Rules& rules, const Index& index, const ObservedContainer& container);

// Why not all of these failures may be made to happen to the container: entropy.allow=latency,loss on it, or on one
// that shares its network. Without the label all may.
std::optional<std::string> forbidden_failure(const Index& index, const ObservedContainer& container,
                                             const std::vector<std::string>& failures);

// How a matched target fares: active (a fault of the policy holds), armed (its injector is ready), starting, degraded
// (`reason` says why), idle (the policy does not run).
void describe_target(TargetState& target, const policy::Record& record, const Index& index, Phase phase);

PolicyStatus status_of(const policy::Record& record, const Match& match, const Desired& desired, const Index& index,
                       Time now);

}  // namespace entropy::control
