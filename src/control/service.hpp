// What the API may ask of the control plane. One thread (the manager's); calls that wait are coroutines. An Error's
// code decides the status of the answer.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/metrics.hpp"
#include "control/views.hpp"
#include "policy/policy_json.hpp"

namespace entropy::control {

template <class T = void>
using Task = boost::asio::awaitable<Result<T>>;

// Ends the subscription when it goes.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

class Service {
 public:
  virtual ~Service() = default;

  virtual std::vector<PolicyView> policies() const = 0;
  virtual Result<PolicyView> policy(std::string_view name) const = 0;
  // A missing name or seed is made up. ErrorCode::conflict on a taken name, or when halted and the draft runs.
  virtual Result<PolicyView> create_policy(policy::Draft draft, Caller by) = 0;
  struct Put {
    PolicyView view;
    bool created = false;
  };
  // Creates or replaces; a missing seed keeps the old one. `if_revision`: ErrorCode::precondition unless it is the
  // policy's revision now.
  virtual Result<Put> put_policy(std::string name, policy::Draft draft, std::optional<std::uint64_t> if_revision,
                                 Caller by) = 0;
  // Waits up to 3 s until what a custom image says at its start is in the view; for all other policies not at all.
  virtual Task<PolicyView> settled(std::string name) = 0;
  // Stops the policy, waits until all of its faults are read back as gone, forgets it. Out-of-reach engine:
  // ErrorCode::unavailable, the policy is kept, stopped. With wait = false the removal goes on by itself, for as long
  // as the policy stays stopped and the service runs.
  virtual Task<> remove_policy(std::string name, bool wait, std::optional<std::uint64_t> if_revision, Caller by) = 0;
  virtual Result<PolicyView> start_policy(std::string name, Caller by) = 0;
  // Returns once its faults are read back as gone, else ErrorCode::unavailable says what is left.
  virtual Task<PolicyView> stop_policy(std::string name, Caller by) = 0;
  // All in one step, so that none of them gets the room that another one frees; waits for nothing. Unknown names are
  // left out. An Error: they are stopped, but not over a restart of the service.
  virtual Result<> stop_policies(const std::vector<std::string>& names, const Caller& by) = 0;
  virtual Result<Preview> preview(const policy::Draft& draft) const = 0;

  virtual HaltView halt_state() const = 0;
  // Durable, then waits until everything is read back clean (ErrorCode::unavailable says what is not).
  virtual Task<HaltView> halt(std::string reason, Caller by) = 0;
  virtual Result<> resume(Caller by) = 0;

  virtual std::vector<InjectorView> injectors() const = 0;
  // By id, a prefix of it that is unique, or name.
  virtual Result<InjectorView> injector(std::string_view id) const = 0;
  virtual Task<> injector_logs(std::string id, bool follow, std::size_t tail,
                               std::function<bool(std::string_view)> sink) = 0;
  enum class InjectorAction { restart, pause, unpause };
  virtual Task<> act_on_injector(std::string id, InjectorAction action, Caller by) = 0;

  // Every container that Entropy sees, with what the selector says of it; nullopt: all that Entropy may touch. Matched
  // are those that allow all of the failures.
  virtual std::vector<TargetState> targets(const std::optional<policy::Selector>& selector,
                                           const std::vector<std::string>& failures) const = 0;
  virtual std::vector<EndpointView> endpoints() const = 0;
  // The same, with what the backends can do, tried now on every engine that is up.
  virtual Task<std::vector<EndpointView>> examine_endpoints() = 0;
  // Removes from every engine that is up what services that are no more have left there.
  virtual Task<std::vector<CleanedView>> clean_endpoints(Caller by) = 0;
  virtual ServiceInfo info() const = 0;

  // What images on the engines offer, by their labels; engines that are down offer nothing.
  virtual Task<std::vector<OfferedFailure>> offered_failures() = 0;
  // Runs the image against a throw-away target at the endpoint (empty: the first that is up). An empty failure name
  // means the first that the image's label offers.
  virtual Task<TrialView> try_image(std::string endpoint, policy::CustomFailure custom) = 0;

  virtual Result<std::vector<FaultRecord>> faults(const FaultQuery& query) const = 0;
  virtual std::vector<ForecastRow> forecast(std::string_view policy, Time until) const = 0;

  // Lives as long as the service.
  virtual Metrics& metrics() = 0;

  // A change is asked for: durable before it begins. The row's id; that it can't be written is logged.
  virtual std::uint64_t begin_audit(AuditRecord record) = 0;
  // How it ended.
  virtual void end_audit(std::uint64_t id, std::string path, unsigned status) = 0;
  // Newest first.
  virtual Result<std::vector<AuditRecord>> audit(const AuditQuery& query) const = 0;

  // Those that can still be replayed, oldest first.
  virtual std::vector<Event> recent_events() const = 0;
  // Events after `after` (0: only new ones) are handed to `on_event` at once, later ones as they come. nullptr when
  // `after` is too old to be replayed.
  virtual std::unique_ptr<Subscription> subscribe(std::uint64_t after, std::function<void(const Event&)> on_event) = 0;
};

}  // namespace entropy::control
