// The loop: wait, observe, plan, act. Docker events, reports and API calls only wake it; what it does follows from what
// is wanted and observed. Actions for different targets run side by side, for one target one after the other.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "control/changes.hpp"
#include "control/container_acts.hpp"
#include "control/custom_injectors.hpp"
#include "control/endpoint.hpp"
#include "control/host_names.hpp"
#include "control/injector_link.hpp"
#include "control/journal.hpp"
#include "control/metrics.hpp"
#include "control/plan.hpp"

namespace entropy::control {

// The injector's image as a `docker save` tar, and the name it has once loaded. The name contains the content's hash:
// what an engine has under it is what is meant.
struct InjectorImage {
  std::string reference;
  std::string tar;
};

struct ReconcilerOptions {
  // Called before every plan, for `desired` may have to change with what was observed; and how long it can wait for
  // the next time, if nothing else happens.
  std::function<void(const Index&, Time now)> review = [](const Index&, Time) {};
  std::function<Duration()> until_next_review = [] { return Duration::max(); };
  std::string manager_id;
  Duration lease = std::chrono::seconds(30);
  InjectorImage image;
};

class Reconciler {
 public:
  // `desired` is read at every pass and belongs to the owner.
  Reconciler(Timing& timing, const Clock& clock, store::Store& store, Journal& journal, Metrics& metrics,
             const Desired& desired, ReconcilerOptions options);
  ~Reconciler();

  Endpoint& add_endpoint(std::string name, std::unique_ptr<docker::Engine> engine);

  // Until `stop`. Endpoints run beside it.
  boost::asio::awaitable<void> run();
  void wake() { work_.notify(); }
  // Before `run`: what a former service decided.
  void recall(Picks picks) { picks_ = std::move(picks); }
  // Notified after every pass and every report: for those who wait for a condition.
  Signal& changed() { return changed_; }

  Observed observe() const;

  // Why the policy (or, if empty, anything) can't be said to be rolled back; none: read back as clean everywhere.
  struct NotClean {
    std::string why;
    bool out_of_reach = false;  // waiting does not help: the engine must come back first
  };
  std::optional<NotClean> not_clean(std::string_view policy) const;

  std::vector<InjectorView> injectors() const;
  const std::vector<std::unique_ptr<Endpoint>>& endpoints() const { return endpoints_; }
  Endpoint* endpoint(std::string_view name) const;
  // What is to be known of an endpoint that is up; empty: all is well.
  std::string note_on(const Endpoint& endpoint) const;

  void pause(const std::string& injector_id, bool paused);
  CustomInjectors& customs() { return customs_; }
  ContainerActs& acts() { return acts_; }
  const ContainerActs& acts() const { return acts_; }
  // Removes it; the next pass makes a new one.
  boost::asio::awaitable<void> restart(std::string injector_id);

  // What each backend can do on the engine's kernel, tried in a network namespace that is thrown away.
  docker::Task<std::vector<program::Examined>> examine(Endpoint& where);

  // A custom image against a throw-away target there; one trial at a time (ErrorCode::conflict).
  docker::Task<TrialView> try_image(Endpoint& where, policy::CustomFailure custom);

  // Rolls everything back and removes all injectors, within the time; how many are left, and acts that are not undone.
  // The loop must not run on.
  boost::asio::awaitable<std::size_t> shut_down(Duration within);

 private:
  struct Runtime;
  // What is being done for one target.
  struct Busy {
    enum class Doing { creating, attaching, removing } doing;
    std::string endpoint = {};               // where one is created
    std::vector<std::string> policies = {};  // that an injector under way brings
    bool started = false;                    // it only has to be seen
  };
  struct Accounted {
    Time epoch;              // of the schedule that `next` belongs to
    std::uint64_t next = 0;  // window to be accounted
  };
  struct Failure {
    std::string message;
    Duration retry_at{0};  // by the time that never jumps
    Duration delay{0};
  };

  void pass();
  Duration breath() const;
  void note_needs(const Plan& plan);
  void drop_dead_injectors();
  bool close_unclaimed(Duration running_for);
  std::optional<Time> over_by(const store::FaultRecord& left, const std::set<const Endpoint*>& heard,
                              Duration running_for) const;
  bool are_all_heard(const Endpoint& where) const;
  // reconciler_silence.cpp
  void notice_silence();
  boost::asio::awaitable<void> wait_for_work(Duration longest);
  Duration next_silence(Duration before) const;
  bool is_quiet(const Runtime& runtime) const;
  boost::asio::awaitable<void> ask_about(std::string id);
  bool is_worth_asking(const std::string& id) const;
  boost::asio::awaitable<void> ask_once_more(std::string id);
  void declare_silent(const std::string& id, const std::string& why);
  void notice_lapse();
  bool may_lapse(const std::string& id, const Runtime& runtime) const;
  Duration lapse_of(const Runtime& runtime) const;
  Duration silence_limit() const;
  void notice_jump(Time now);
  void forget_what_is_gone(Time now);
  void tell_notes();
  bool concerns(const Endpoint& where, const CachedContainer& container) const;
  // reconciler_catch_up.cpp
  boost::asio::awaitable<void> catch_up(std::string endpoint, std::string id);
  boost::asio::awaitable<void> hear_last_words(Endpoint& endpoint, std::string id);
  boost::asio::awaitable<void> hear_predecessors(Endpoint& endpoint, std::string target_id);
  bool is_unheard(const std::string& id) const;
  void hear_late(const Journal::Source& source, std::string_view log, bool is_over);
  void note_end(const Journal::Source& source, const program::FaultEnded& report);
  bool is_attached_by(const std::string& id, const std::weak_ptr<InjectorLink>& link) const;
  std::set<std::pair<std::string, std::string>> catching_up() const;
  // reconciler_accounting.cpp
  struct Accountable;
  void account_windows(const Index& index, const Plan& plan, Time now);
  void account_target(const Accountable& target, Time now);
  std::string reason_of_miss(const Accountable& target, Time begin) const;
  void observe_down(Observed& observed, const Endpoint& endpoint, const CachedContainer& cached) const;
  void start_action(const Action& action);
  Duration until_next_pass(Time now) const;
  Duration until_due(Duration now) const;

  boost::asio::awaitable<void> create(CreateInjector action);
  docker::Task<> try_create(CreateInjector action);
  docker::Task<> ensure_image(Endpoint& endpoint);
  docker::Task<std::string> create_container(Endpoint& endpoint, CreateInjector action);
  void close_link(const std::string& id);
  docker::Task<> discard(Endpoint& endpoint, std::string id, std::string why);
  boost::asio::awaitable<void> attach(AttachInjector action);
  boost::asio::awaitable<void> not_attached(Endpoint& endpoint, std::string id, Error error);
  docker::Task<> attach_link(Endpoint& endpoint, std::string id);
  boost::asio::awaitable<void> remove(RemoveInjector action);
  void send_program(const std::string& id, std::vector<program::Entry> entries);
  void on_report(const std::string& endpoint, const std::string& id, program::Report report);
  void note_readiness(Runtime& runtime);
  void note_failure(const std::string& target_id, const std::string& target_name, const Error& error);
  bool any_injector_at_hand() const;
  // Removes all that bears this manager's name there until nothing is listed or the time is over; how many are left.
  boost::asio::awaitable<std::size_t> sweep(Endpoint& where, Duration deadline);
  std::size_t known_to_be(const Endpoint& where) const;
  std::size_t under_way(const Endpoint& where, Duration looked_at) const;
  std::size_t left_by_former(const std::string& endpoint) const;
  void injector_event(std::string type, const std::string& endpoint, const std::string& id, std::string message);

  Timing& timing_;
  boost::asio::any_io_executor executor_;
  const Clock& clock_;
  Journal& journal_;
  Metrics& metrics_;
  const Desired& desired_;
  ReconcilerOptions options_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  CustomInjectors customs_;
  ContainerActs acts_;
  std::map<std::string, Runtime> runtimes_;              // by injector id
  std::map<std::string, Busy> busy_;                     // by target id
  std::map<std::string, Failure> failures_;              // by target id
  std::map<std::string, Duration> needed_since_;         // by id of a target that lacks an injector
  std::map<std::string, std::string> told_notes_;        // by endpoint
  std::map<std::string, std::set<std::string>> others_;  // by endpoint, the ids of other services
  std::set<std::string> joined_;                         // whose networks others have joined, by id or name
  std::map<std::string, bool> image_present_;            // by endpoint
  std::map<std::tuple<std::string, std::string, std::string>, Accounted> next_window_;
  Picks picks_;
  Time next_let_in_ = policy::never;
  std::optional<Duration> clock_offset_;  // of the clock against the one that never jumps
  Time next_forgetting_{};
  std::uint64_t next_revision_;
  Changes changes_;
  std::shared_ptr<HostNames> hosts_;
  Signal work_;
  Signal changed_;
  bool stopped_ = false;   // nothing new is begun
  bool given_up_ = false;  // what could not be removed until now is left to its lease
  bool queueing_ = false;  // there are more injectors to be made than at once
  bool trying_ = false;
  int logs_being_read_ = 0;
};

}  // namespace entropy::control
