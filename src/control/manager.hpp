// The control plane as a whole: the policies in memory and in the store, the reconciler, the journal; what the API
// talks to. One thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "control/guard.hpp"
#include "control/journal.hpp"
#include "control/reconciler.hpp"
#include "control/service.hpp"
#include "store/store.hpp"

namespace entropy::control {

struct ManagerOptions {
  std::string manager_id;
  Rules rules;
  Duration lease = std::chrono::seconds(30);
  InjectorImage image;
  store::HistoryLimits history;
  std::shared_ptr<HttpProbe> probe = nullptr;  // null: policies may not name addresses to be asked
  std::uint64_t random_seed = 0;               // for names and seeds that are made up
};

class Manager final : public Service {
 public:
  // Reads policies and halt from the store. The store and the clock must outlive it.
  static Result<std::unique_ptr<Manager>> make(Timing& timing, store::Store& store, const Clock& clock,
                                               ManagerOptions options);

  Endpoint& add_endpoint(std::string name, std::unique_ptr<docker::Engine> engine) {
    return reconciler_.add_endpoint(std::move(name), std::move(engine));
  }
  boost::asio::awaitable<void> run() { return reconciler_.run(); }
  // How many injectors could not be removed in time.
  boost::asio::awaitable<std::size_t> shut_down(Duration within) { return reconciler_.shut_down(within); }

  std::vector<PolicyView> policies() const override;
  Result<PolicyView> policy(std::string_view name) const override;
  Result<PolicyView> create_policy(policy::Draft draft, Caller by = {}) override;
  Result<Put> put_policy(std::string name, policy::Draft draft, std::optional<std::uint64_t> if_revision,
                         Caller by = {}) override;
  Task<PolicyView> settled(std::string name) override;
  Task<> remove_policy(std::string name, bool wait, std::optional<std::uint64_t> if_revision, Caller by = {}) override;
  Result<PolicyView> start_policy(std::string name, Caller by = {}) override;
  Task<PolicyView> stop_policy(std::string name, Caller by = {}) override;
  Result<> stop_policies(const std::vector<std::string>& names, const Caller& by = {}) override;
  Result<Preview> preview(const policy::Draft& draft) const override;

  HaltView halt_state() const override;
  Task<HaltView> halt(std::string reason, Caller by = {}) override;
  Result<> resume(Caller by = {}) override;

  std::vector<InjectorView> injectors() const override { return reconciler_.injectors(); }
  Result<InjectorView> injector(std::string_view id) const override;
  Task<> injector_logs(std::string id, bool follow, std::size_t tail,
                       std::function<bool(std::string_view)> sink) override;
  Task<> act_on_injector(std::string id, InjectorAction action, Caller by = {}) override;

  std::vector<TargetState> targets(const std::optional<policy::Selector>& selector,
                                   const std::vector<std::string>& failures) const override;
  std::vector<EndpointView> endpoints() const override;
  Task<std::vector<EndpointView>> examine_endpoints() override;
  Task<std::vector<CleanedView>> clean_endpoints(Caller by = {}) override;
  ServiceInfo info() const override;
  Task<std::vector<OfferedFailure>> offered_failures() override;
  Task<TrialView> try_image(std::string endpoint, policy::CustomFailure custom) override;

  Result<std::vector<FaultRecord>> faults(const FaultQuery& query) const override;
  std::vector<ForecastRow> forecast(std::string_view policy, Time until) const override;
  Metrics& metrics() override { return metrics_; }
  std::uint64_t begin_audit(AuditRecord record) override { return journal_.begin_audit(std::move(record)); }
  void end_audit(std::uint64_t id, std::string path, unsigned status) override { journal_.end_audit(id, path, status); }
  Result<std::vector<AuditRecord>> audit(const AuditQuery& query) const override { return store_.audit(query); }
  std::vector<Event> recent_events() const override { return journal_.recent(); }
  std::unique_ptr<Subscription> subscribe(std::uint64_t after, std::function<void(const Event&)> on_event) override {
    return journal_.subscribe(after, std::move(on_event));
  }

 private:
  Manager(Timing& timing, store::Store& store, const Clock& clock, ManagerOptions options);

  policy::Record* find(std::string_view name);
  const policy::Record* find(std::string_view name) const;
  Result<policy::Record> fresh_record(policy::Draft draft);
  // Durable first, then in memory, then the loop is woken.
  Result<> save(policy::Record record, std::string event_type, const Caller& by);
  Task<> wait_clean(std::string policy);
  // Until every engine was asked for what it has, or the time for that is over: right after a start nothing is known.
  boost::asio::awaitable<void> wait_asked();
  boost::asio::awaitable<void> finish_removal(std::string name, Caller by);
  Task<> remove_stopped(std::string name, Caller by);
  PolicyView view(const policy::Record& record, const Index& index, const Plan& plan) const;
  Result<PolicyView> view_now(std::string_view name) const;
  void tell(std::string type, std::string_view policy, const Caller& by, boost::json::object data = {});
  std::string free_name();
  Result<> check_conditions(const policy::Policy& policy) const;
  void review(const Index& index, Time now);
  Result<> mark_stopped(policy::Record& known, const Caller& by, boost::json::object data = {});
  Result<> store_stopped(const policy::Record& known);
  Result<> stop_at_once(policy::Record& known, const Caller& by);
  void stop_by_condition(policy::Record& record, const Guard::Verdict& verdict, Time now);
  void begin_held(const policy::Record& record, Time now);

  Timing& timing_;
  boost::asio::any_io_executor executor_;
  store::Store& store_;
  const Clock& clock_;
  Desired desired_;
  std::optional<store::Halt> halt_;
  std::optional<Error> halt_unsaved_;  // why it is not in the store
  ManagerOptions options_;
  std::uint64_t random_counter_ = 0;
  Metrics metrics_;
  Journal journal_;
  MissedEnds missed_ends_;
  Guard guard_;
  std::set<std::string> unsaved_;  // policies that were stopped and could not be stored as such
  Reconciler reconciler_;
};

}  // namespace entropy::control
