// A control plane that only remembers: for tests of the API and of its clients. One thread, the server's.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <map>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "control/service.hpp"

namespace entropy::control {

class FakeService final : public Service {
 public:
  // What tests set and look at.
  std::map<std::string, PolicyView, std::less<>> kept;
  std::vector<InjectorView> injector_views;
  std::vector<TargetState> target_states;
  std::vector<EndpointView> endpoint_views;
  std::vector<EndpointView::Examined> examined;
  std::vector<OthersView> others;
  std::vector<CleanedView> cleaned;
  std::vector<FaultRecord> fault_records;
  std::vector<ForecastRow> foreseen;    // of each policy; empty: a window at the end
  std::vector<Event> events;            // those that can be replayed
  std::uint64_t oldest_replayable = 0;  // subscribing after an id below answers nullptr
  mutable std::size_t replays = 0;      // how often recent events were asked for
  std::optional<Error> rollback_error;  // what remove, stop and halt answer
  std::vector<std::string> acts;        // on injectors: "pause id"
  std::vector<std::string> log_pieces;
  bool log_goes_on = false;
  bool log_was_cancelled = false;
  bool throws = false;
  std::vector<policy::Policy> written;  // every version of every policy
  Phase running_phase = Phase::armed;
  std::string state_of_targets = "active";
  std::vector<std::vector<std::string>> stopped_together;
  FaultQuery last_query;
  std::string trouble;  // of custom images
  std::vector<OfferedFailure> offered;
  std::vector<TrialRule> trial_rules;
  std::vector<AuditRecord> audit_records;
  std::string own_trouble;  // of the service itself
  HaltView halted;

  void emit(Event event) {
    events.push_back(event);
    for (const auto& [id, listener] : std::map(listeners_)) listener(event);
  }
  std::size_t listeners() const { return listeners_.size(); }

  std::vector<PolicyView> policies() const override {
    if (throws) throw std::runtime_error("thrown by the fake");
    std::vector<PolicyView> views;
    for (const auto& [name, view] : kept) views.push_back(view);
    return views;
  }
  Result<PolicyView> policy(std::string_view name) const override {
    const auto found = kept.find(name);
    if (found == kept.end()) return fail(ErrorCode::not_found, concat("no policy named ", entropy::quoted(name)));
    return found->second;
  }
  Result<PolicyView> create_policy(policy::Draft draft, Caller) override {
    if (draft.policy.name.empty()) draft.policy.name = "made-up";
    if (kept.contains(draft.policy.name)) {
      return fail(ErrorCode::conflict, concat("the name ", entropy::quoted(draft.policy.name), " is taken"));
    }
    if (halted.halted && draft.policy.running) return fail(ErrorCode::conflict, "halted: entropy resume ends that");
    return keep(std::move(draft), 1);
  }
  Result<Put> put_policy(std::string name, policy::Draft draft, std::optional<std::uint64_t> if_revision,
                         Caller) override {
    const auto before = kept.find(name);
    const std::uint64_t revision = before == kept.end() ? 0 : before->second.record.revision;
    if (if_revision && *if_revision != revision) return fail(ErrorCode::precondition, "another revision");
    return Put{keep(std::move(draft), revision + 1), revision == 0};
  }
  Task<PolicyView> settled(std::string name) override {
    auto view = policy(name);
    if (view && view->record.policy.custom && !trouble.empty()) {
      view->status.phase = Phase::degraded;
      view->status.message = trouble;
    }
    co_return view;
  }
  Task<> remove_policy(std::string name, bool, std::optional<std::uint64_t>, Caller) override {
    if (!kept.contains(name)) co_return fail(ErrorCode::not_found, concat("no policy named ", entropy::quoted(name)));
    if (rollback_error) co_return fail(*rollback_error);
    kept.erase(name);
    co_return Result<>{};
  }
  Result<PolicyView> start_policy(std::string name, Caller) override { return set_running(name, true); }
  Task<PolicyView> stop_policy(std::string name, Caller) override {
    if (rollback_error) co_return fail(*rollback_error);
    co_return set_running(name, false);
  }
  Result<> stop_policies(const std::vector<std::string>& names, const Caller&) override {
    stopped_together.push_back(names);
    for (const auto& name : names) (void)set_running(name, false);
    return {};
  }
  Result<Preview> preview(const policy::Draft& draft) const override {
    Preview preview;
    for (const auto& each : target_states) (each.matched ? preview.matched : preview.skipped).push_back(each);
    preview.windows.push_back({draft.policy.name, "web", "local", {3, Time(std::chrono::seconds(5)), policy::never}});
    return preview;
  }

  HaltView halt_state() const override { return halted; }
  Task<HaltView> halt(std::string reason, Caller) override {
    halted = {true, std::move(reason), Time(std::chrono::seconds(1))};
    if (rollback_error) co_return fail(*rollback_error);
    co_return halted;
  }
  Result<> resume(Caller) override {
    halted = {};
    return {};
  }

  std::vector<InjectorView> injectors() const override { return injector_views; }
  Result<InjectorView> injector(std::string_view id) const override {
    for (const auto& view : injector_views) {
      if (view.id.starts_with(id) || view.name == id) return view;
    }
    return fail(ErrorCode::not_found, concat("no injector ", entropy::quoted(id)));
  }
  Task<> injector_logs(std::string, bool follow, std::size_t, std::function<bool(std::string_view)> sink) override {
    for (const auto& piece : log_pieces) {
      if (!sink(piece)) co_return Result<>{};
    }
    if (!follow || !log_goes_on) co_return Result<>{};
    boost::asio::steady_timer silence(co_await boost::asio::this_coro::executor, std::chrono::hours(1));
    boost::system::error_code error;
    co_await silence.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, error));
    log_was_cancelled = error == boost::asio::error::operation_aborted;
    co_return Result<>{};
  }
  Task<> act_on_injector(std::string id, InjectorAction action, Caller) override {
    const auto view = injector(id);
    if (!view) co_return fail(view.error());
    constexpr std::array<std::string_view, 3> names = {"restart", "pause", "unpause"};
    acts.push_back(concat(names[static_cast<std::size_t>(action)], " ", view->id));
    co_return Result<>{};
  }

  std::vector<TargetState> targets(const std::optional<policy::Selector>& selector,
                                   const std::vector<std::string>& failures) const override {
    std::vector<TargetState> states = target_states;
    for (auto& each : states) each.reason += failures.empty() ? "" : concat("asked for ", join(failures, ","));
    if (!selector) std::ranges::for_each(states, [](TargetState& state) { state.matched = true; });
    return states;
  }
  std::vector<EndpointView> endpoints() const override { return endpoint_views; }
  Task<std::vector<EndpointView>> examine_endpoints() override {
    auto views = endpoint_views;
    for (auto& view : views) {
      view.examined = examined;
      view.others = others;
    }
    co_return views;
  }
  Task<std::vector<CleanedView>> clean_endpoints(Caller) override { co_return cleaned; }
  Task<std::vector<OfferedFailure>> offered_failures() override { co_return offered; }
  Task<TrialView> try_image(std::string, policy::CustomFailure custom) override {
    if (custom.name.empty()) co_return fail(ErrorCode::invalid, "which failure?");
    co_return TrialView{std::move(custom), trial_rules};
  }
  ServiceInfo info() const override {
    return {"manager-1", "1.2.3", kept.size(), injector_views.size(), 0, halted, endpoint_views, own_trouble};
  }

  Result<std::vector<FaultRecord>> faults(const FaultQuery& query) const override {
    const_cast<FakeService*>(this)->last_query = query;
    std::vector<FaultRecord> page;
    for (const auto& each : fault_records) {
      if ((!query.cursor || each.id < query.cursor->id) && page.size() < query.limit) page.push_back(each);
    }
    return page;
  }
  std::vector<ForecastRow> forecast(std::string_view policy, Time until) const override {
    if (!foreseen.empty()) return foreseen;
    return {{std::string(policy), "web", "local", {7, until - std::chrono::seconds(1), until}}};
  }

  Metrics& metrics() override { return metrics_; }
  std::uint64_t begin_audit(AuditRecord record) override {
    record.id = audit_records.size() + 1;
    audit_records.push_back(std::move(record));
    return audit_records.size();
  }
  void end_audit(std::uint64_t id, std::string path, unsigned status) override {
    audit_records.at(id - 1).path = std::move(path);
    audit_records.at(id - 1).status = status;
  }
  Result<std::vector<AuditRecord>> audit(const AuditQuery& query) const override {
    std::vector<AuditRecord> page(audit_records.rbegin(), audit_records.rend());
    std::erase_if(page, [&](const auto& each) { return query.cursor != 0 && each.id >= query.cursor; });
    page.resize(std::min(page.size(), query.limit));
    return page;
  }

  std::vector<Event> recent_events() const override {
    ++replays;
    return events;
  }
  std::unique_ptr<Subscription> subscribe(std::uint64_t after, std::function<void(const Event&)> on_event) override {
    if (after != 0 && after < oldest_replayable) return nullptr;
    for (const auto& event : events) {
      if (after != 0 && event.id > after) on_event(event);
    }
    listeners_[++last_listener_] = std::move(on_event);
    return std::make_unique<Listening>(*this, last_listener_);
  }

 private:
  struct Listening final : Subscription {
    Listening(FakeService& its_service, std::uint64_t its_id) : service(its_service), id(its_id) {}
    ~Listening() override { service.listeners_.erase(id); }
    FakeService& service;
    std::uint64_t id;
  };

  PolicyView keep(policy::Draft draft, std::uint64_t revision) {
    PolicyView view;
    const std::string name = draft.policy.name;
    written.push_back(draft.policy);
    view.record = {std::move(draft.policy), revision, Time(std::chrono::seconds(1)), Time(std::chrono::seconds(2))};
    view.status.phase = view.record.policy.running ? running_phase : Phase::stopped;
    view.status.targets = 1;
    view.targets = {{"c0ffee", "web", "local", true, "", state_of_targets}};
    kept[name] = view;
    return view;
  }
  Result<PolicyView> set_running(const std::string& name, bool running) {
    const auto found = kept.find(name);
    if (found == kept.end()) return fail(ErrorCode::not_found, concat("no policy named ", entropy::quoted(name)));
    if (running && halted.halted) return fail(ErrorCode::conflict, "halted: entropy resume ends that");
    found->second.record.policy.running = running;
    found->second.status.phase = running ? Phase::armed : Phase::stopped;
    return found->second;
  }

  Metrics metrics_;
  std::map<std::uint64_t, std::function<void(const Event&)>> listeners_;
  std::uint64_t last_listener_ = 0;
};

}  // namespace entropy::control
