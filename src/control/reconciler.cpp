#include "control/reconciler.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/log.hpp"
#include "control/namespaces.hpp"
#include "control/peers.hpp"
#include "control/reconciler_runtime.hpp"
#include "control/spawn.hpp"
#include "failure/catalogue.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration longest_wait = 30s;
constexpr std::size_t parallel_creates = 4;  // measured optimum of an engine on 2 cores

std::set<std::string> joined_networks(const Observed& observed) {
  std::set<std::string> whose;
  for (const auto& each : observed.containers) {
    if (const auto owner = docker::joined_container(each.container); !owner.empty()) whose.emplace(owner);
  }
  return whose;
}

}  // namespace

Reconciler::Reconciler(Timing& timing, const Clock& clock, store::Store& store, Journal& journal, Metrics& metrics,
                       const Desired& desired, ReconcilerOptions options)
    : timing_(timing),
      executor_(timing.executor()),
      clock_(clock),
      journal_(journal),
      metrics_(metrics),
      desired_(desired),
      options_(std::move(options)),
      customs_({timing, clock, journal, options_.manager_id, endpoints_, [this] { wake(); }}),
      acts_({timing, clock, journal, store, endpoints_, [this] { wake(); }}),
      // Revisions go on over a restart: an old answer is never taken for a new one.
      next_revision_(static_cast<std::uint64_t>(clock.now().time_since_epoch().count())),
      hosts_(std::make_shared<HostNames>(executor_, [this] { wake(); })),
      work_(timing),
      changed_(timing) {}

Reconciler::~Reconciler() { hosts_->close(); }

Endpoint& Reconciler::add_endpoint(std::string name, std::unique_ptr<docker::Engine> engine) {
  endpoints_.push_back(std::make_unique<Endpoint>(
      std::move(name), std::move(engine), timing_, clock_,
      Endpoint::Handlers{[this] { wake(); },
                         [this](const auto& where, const auto& container) { return concerns(where, container); }}));
  return *endpoints_.back();
}

Endpoint* Reconciler::endpoint(std::string_view name) const { return find_endpoint(endpoints_, name); }

asio::awaitable<void> Reconciler::run() {
  for (const auto& each : endpoints_) spawn(executor_, concat("following ", each->name()), each->run());
  const Duration started = timing_.elapsed();
  bool unclaimed_closed = false;
  while (!stopped_) {
    pass();
    if (!unclaimed_closed) unclaimed_closed = close_unclaimed(timing_.elapsed() - started);
    changed_.notify();
    Duration wait = until_next_pass(clock_.now());
    if (!unclaimed_closed) wait = std::min<Duration>(wait, 1s);
    co_await wait_for_work(wait);
    if (const auto pause = breath(); pause >= 1ms) co_await timing_.sleep(pause);
  }
}

bool Reconciler::close_unclaimed(Duration running_for) {
  std::set<const Endpoint*> heard;
  for (const auto& each : endpoints_) {
    if (are_all_heard(*each)) heard.insert(each.get());
  }
  return journal_.close_unclaimed([&](const store::FaultRecord& left) { return over_by(left, heard, running_for); });
}

// Whoever holds what a former service left open is attached to, and claims it, once its engine is known. What no
// injector claims, when all have been heard, was over when the engine was asked. At one that can't be asked it may hold
// as long as its lease.
std::optional<Time> Reconciler::over_by(const store::FaultRecord& left, const std::set<const Endpoint*>& heard,
                                        Duration running_for) const {
  const Time now = clock_.now();
  const auto if_true = [](bool is_over, Time by) { return is_over ? std::optional(by) : std::nullopt; };
  const Endpoint* where = endpoint(left.endpoint);
  if (where == nullptr) return now;
  if (!where->known_since()) return if_true(running_for > options_.lease + silence_limit(), now);
  const Duration known_for = timing_.elapsed() - *where->known_since();
  const bool is_late = known_for > 2 * answer_time;
  if (!failure::find_kind(left.failure)) return if_true(is_late, now);  // of no injector of ours
  return if_true(is_late || heard.contains(where), now - known_for);
}

bool Reconciler::are_all_heard(const Endpoint& where) const {
  return std::ranges::all_of(where.containers(), [&](const auto& entry) {
    const auto& [id, cached] = entry;
    const bool is_asked = cached.is_of_ours() && cached.up && is_network_injector(cached.container()) &&
                          label_of(cached.container(), label::manager) == options_.manager_id;
    if (!is_asked) return true;
    const auto found = runtimes_.find(id);
    return found != runtimes_.end() && found->second.link && found->second.state && !found->second.catching_up_since;
  });
}

// A pass takes about 1 us a container. Where there are very many, what comes in quick succession, as when an engine
// restarts, is answered by one pass, and passes take some 3 % of a core; a third of it while injectors wait to be made,
// for only a pass begins the next.
Duration Reconciler::breath() const {
  constexpr Duration longest = 1s;
  std::size_t containers = 0;
  for (const auto& each : endpoints_) containers += each->containers().size();
  return std::min(longest, (queueing_ ? 2us : 30us) * static_cast<std::int64_t>(containers));
}

void Reconciler::pass() {
  const auto began = std::chrono::steady_clock::now();
  drop_dead_injectors();
  const Time now = clock_.now();
  notice_jump(now);
  notice_silence();
  notice_lapse();
  customs_.look(desired_.policies);
  acts_.look(desired_.policies);
  const Observed observed = observe();
  others_ = observed.others;
  joined_ = joined_networks(observed);
  tell_notes();
  const Index index(observed);
  hosts_->want(host_names(desired_.policies, observed));
  options_.review(index, now);
  Plan plan = control::plan(desired_, index, now);
  changes_.tell(endpoints_, plan, journal_);
  // A policy whose time is over keeps its picks until its last window is accounted for.
  std::erase_if(picks_, [&](const auto& entry) { return !plan.matches.contains(entry.first); });
  plan.picks.merge(picks_);
  picks_ = std::move(plan.picks);
  next_let_in_ = plan.next_let_in;
  account_windows(index, plan, now);
  forget_what_is_gone(now);
  note_needs(plan);
  queueing_ = false;
  for (const auto& action : plan.actions) start_action(action);
  for (const auto& action : plan.custom) customs_.start(action);
  acts_.start(plan.acts);
  metrics_.reconciled(std::chrono::steady_clock::now() - began);
}

void Reconciler::note_needs(const Plan& plan) {
  std::map<std::string, Duration> needed;
  for (const auto& action : plan.actions) {
    const auto* make = std::get_if<CreateInjector>(&action);
    if (make == nullptr) continue;
    const auto known = needed_since_.find(make->target_id);
    needed[make->target_id] = known == needed_since_.end() ? timing_.elapsed() : known->second;
  }
  needed_since_ = std::move(needed);
  // What could not be made is of no interest once it is there or nobody needs it.
  std::erase_if(failures_, [&](const auto& entry) { return !needed_since_.contains(entry.first); });
}

std::string Reconciler::note_on(const Endpoint& endpoint) const {
  if (endpoint.lost() || !endpoint.info()) return {};
  if (const auto others = others_.find(endpoint.name()); others != others_.end()) {
    const std::vector<std::string> ids(others->second.begin(), others->second.end());
    return concat("another Entropy (manager ", join(ids, ", "),
                  ") has injectors here, which are left alone; entropy doctor says whether anybody still serves them");
  }
  if (endpoint.services_error()) {
    return concat("the labels of services may be out of date: ", *endpoint.services_error());
  }
  std::set<std::string> managers;
  for (const auto& each : endpoints_) {
    if (each->info() && each->info()->swarm.manager) managers.insert(each->info()->swarm.id);
  }
  return swarm_note(endpoint.info()->swarm, managers);
}

// Once all endpoints were asked: what one can't tell another may.
void Reconciler::tell_notes() {
  if (!std::ranges::all_of(endpoints_, [](const auto& each) { return each->asked(); })) return;
  for (const auto& each : endpoints_) {
    if (each->lost()) continue;
    std::string note = note_on(*each);
    std::string& told = told_notes_[each->name()];
    if (!note.empty() && note != told) log::warn("{}: {}", each->name(), note);
    told = std::move(note);
  }
}

// A dead injector's faults are over: the kernel has dropped its tables.
void Reconciler::drop_dead_injectors() {
  for (auto it = runtimes_.begin(); it != runtimes_.end();) {
    const auto& [id, runtime] = *it;
    const Endpoint* where = endpoint(runtime.endpoint);
    const auto known = where->containers().find(id);
    const bool alive = where->lost() || (known != where->containers().end() && known->second.up);
    if (alive || busy_.contains(runtime.target_id)) {
      ++it;
      continue;
    }
    if (runtime.link) runtime.link->close();
    journal_.gone(id, "the injector ended; the kernel dropped its rules with it");
    injector_event("injector.ended", runtime.endpoint, id, "");
    it = runtimes_.erase(it);
  }
}

// Waiting goes by the time that never jumps. Windows that the jump has left out were never there: they are not missed.
void Reconciler::notice_jump(Time now) {
  constexpr Duration tolerated = 1s;
  const Duration offset = now.time_since_epoch() - timing_.elapsed();
  const Duration jump = offset - std::exchange(clock_offset_, offset).value_or(offset);
  if (std::chrono::abs(jump) < tolerated) return;
  const std::string message =
      concat("this host's clock jumped by ", jump < Duration::zero() ? "-" : "",
             entropy::to_string(std::chrono::abs(jump)), ": windows go by the new time from now on");
  log::warn("{}", message);
  Event event;
  event.type = "clock.jumped";
  event.data["message"] = message;
  journal_.event(std::move(event));
  customs_.clock_was_set(now);
  acts_.clock_was_set(now);
  if (jump > Duration::zero()) next_window_.clear();  // after a jump back, windows come again that are accounted for
}

void Reconciler::forget_what_is_gone(Time now) {
  constexpr Duration every = 1min;
  if (now < next_forgetting_ && now > next_forgetting_ - every) return;
  next_forgetting_ = now + every;
  std::set<Journal::Target> targets;
  for (const auto& [target, accounted] : next_window_) targets.insert(target);
  journal_.forget_unless(targets, now - every);
  journal_.write_unsaved();
}

Duration Reconciler::until_next_pass(Time now) const {
  Time next = std::min({now + longest_wait, customs_.next_look(now), acts_.next_look(now), next_let_in_});
  if (const auto review = options_.until_next_review(); review != Duration::max()) next = std::min(next, now + review);
  for (const auto& record : desired_.policies) {
    if (!policy::is_on(record)) continue;
    const policy::Schedule& schedule = record.policy.schedule;
    if (record.policy.custom) next = std::min(next, next_custom_change(schedule, now));
    if (!record.policy.container_failures.empty()) next = std::min(next, policy::next_change(schedule, now));
    if (const Time end = policy::expiry(schedule); end > now) next = std::min(next, end);
    // The end of a window that is over, or of the current one, is accounted a little later.
    const auto window = policy::window_at(schedule, now - accounting_delay);
    if (window && window->end != policy::never) next = std::min(next, window->end + accounting_delay);
    const auto coming = policy::window_after(schedule, now - accounting_delay);
    if (coming && coming->end != policy::never) next = std::min(next, coming->end + accounting_delay);
    // Who takes part in a window is decided when the one before it begins, at the latest.
    const bool decided = !record.policy.pick.all() || desired_.rules.limits.any();
    if (coming && decided && coming->begin > now) next = std::min(next, coming->begin);
  }
  return std::max<Duration>(std::min(next - now, until_due(timing_.elapsed())), 1ms);
}

// What waits by the time that never jumps. What is due already was seen to, or waits for something else.
Duration Reconciler::until_due(Duration now) const {
  Duration next = Duration::max();
  const auto consider = [&](Duration due) { next = due > now ? std::min(next, due) : next; };
  for (const auto& [target, failure] : failures_) consider(std::max<Duration>(failure.retry_at, now + 50ms));
  for (const auto& [id, runtime] : runtimes_) {
    if (runtime.awaits_answer()) consider(runtime.sent_at + answer_time);
    if (may_lapse(id, runtime)) consider(lapse_of(runtime));
  }
  return next - now;
}

void Reconciler::start_action(const Action& action) {
  if (const auto* send = std::get_if<SendProgram>(&action)) {
    const auto found = runtimes_.find(send->id);
    if (found != runtimes_.end() && !busy_.contains(found->second.target_id)) send_program(send->id, send->entries);
  } else if (const auto* make = std::get_if<CreateInjector>(&action)) {
    const auto failure = failures_.find(make->target_id);
    const bool later = failure != failures_.end() && failure->second.retry_at > timing_.elapsed();
    const auto creating = std::ranges::count_if(
        busy_, [](const auto& entry) { return entry.second.doing == Busy::Doing::creating && !entry.second.started; });
    if (later || busy_.contains(make->target_id)) return;
    queueing_ = creating >= static_cast<std::ptrdiff_t>(parallel_creates);
    if (queueing_) return;
    Busy busy{Busy::Doing::creating, make->endpoint};
    for (const auto& entry : make->entries) busy.policies.push_back(entry.policy);
    busy_.emplace(make->target_id, std::move(busy));
    spawn(executor_, "creating an injector", create(*make));
  } else if (const auto* join = std::get_if<AttachInjector>(&action)) {
    const Endpoint* where = endpoint(join->endpoint);
    const std::string target = label_of(where->containers().at(join->id).container(), label::target);
    if (!busy_.emplace(target, Busy{Busy::Doing::attaching}).second) return;
    spawn(executor_, "attaching to an injector", attach(*join));
  } else if (const auto* gone = std::get_if<RemoveInjector>(&action)) {
    if (!busy_.emplace(gone->target_id, Busy{Busy::Doing::removing}).second) return;
    spawn(executor_, "removing an injector", remove(*gone));
  }
}

std::optional<Reconciler::NotClean> Reconciler::not_clean(std::string_view policy) const {
  const Observed observed = observe();
  const bool any = policy.empty();
  const auto concerns = [&](const auto& entry) { return any || entry.policy == policy; };
  for (const auto& [target, busy] : busy_) {
    const bool brings_it =
        any ? !busy.policies.empty() : std::ranges::find(busy.policies, policy) != busy.policies.end();
    if (brings_it) return NotClean{concat("an injector for ", target.substr(0, 12), " is on its way")};
  }
  for (const auto& each : endpoints_) {
    if (each->known()) continue;
    // A former service may have left injectors there that hold something.
    return NotClean{concat(each->name(), " can't be asked: ", each->lost().value_or("")), each->asked()};
  }
  for (const auto& injector : observed.injectors) {
    const auto busy = busy_.find(injector.target_id);
    const bool creating = busy != busy_.end() && busy->second.doing == Busy::Doing::creating;
    // What a dead service has created it may have asked to start as well.
    if (!injector.running && (!injector.created || creating)) continue;
    const bool known = injector.attached && injector.sent_revision != 0 && injector.state.has_value();
    const bool answered = known && injector.state->revision == injector.sent_revision;
    const bool wanted = std::ranges::any_of(injector.sent, concerns);
    const bool active = known && std::ranges::any_of(injector.state->active, concerns);
    if (answered && !wanted && !active && (!any || injector.state->clean)) continue;
    if (const auto lost = observed.lost.find(injector.endpoint); lost != observed.lost.end()) {
      return NotClean{concat(injector.name, " can't be asked: ", lost->second, "; it rolls back by itself after ",
                             entropy::to_string(options_.lease), " without us"),
                      true};
    }
    return NotClean{concat(injector.name, " has not confirmed yet")};
  }
  if (auto left = acts_.left(policy)) return NotClean{std::move(left->why), left->out_of_reach};
  if (auto way = customs_.on_its_way(policy)) return NotClean{std::move(*way)};
  for (const auto& custom : observed.customs) {
    const bool over = !custom.running && (custom.ended || !custom.followed);
    if (over || (!any && custom.policy != policy)) continue;
    const auto lost = observed.lost.find(custom.endpoint);
    if (lost == observed.lost.end()) return NotClean{concat(custom.name, " has not ended yet")};
    return NotClean{concat(custom.name, " can't be ended: ", lost->second), true};
  }
  return std::nullopt;
}

std::vector<InjectorView> Reconciler::injectors() const {
  std::vector<InjectorView> views;
  const Observed observed = observe();
  for (const auto& injector : observed.injectors) {
    const auto busy = busy_.find(injector.target_id);
    const bool removing = (busy != busy_.end() && busy->second.doing == Busy::Doing::removing) || !injector.running;
    views.push_back(view_of(injector, removing));
  }
  for (const auto& custom : observed.customs) views.push_back(view_of(custom));
  for (auto& view : views) {
    const auto& containers = endpoint(view.endpoint)->containers();
    const auto target = containers.find(view.target_id);
    if (target != containers.end()) view.target_name = target->second.container().name;
  }
  return views;
}

}  // namespace entropy::control
