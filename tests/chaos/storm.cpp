#include "chaos/storm.hpp"

#include <algorithm>
#include <ranges>

#include "base/text.hpp"
#include "program/report_reader.hpp"

namespace entropy::chaos {
namespace {

using namespace std::chrono_literals;

constexpr Duration storm_lasts = 60s;
constexpr Duration longest_absence = 10s;  // of a manager
// An engine that does not answer (30 s), a pause between attempts (30 s), a lost event (listed anew after 30 s), and
// some time for the work itself.
constexpr Duration convergence = 120s;
constexpr Duration patience = 3s;       // of the manager with an injector that is silent, beyond a renewal
constexpr Duration unclaimed = 10s;     // how long a new manager waits for injectors to claim open faults
constexpr Duration on_the_way = 100ms;  // a report
constexpr Duration a_new_start = 10s;   // of a target that was stopped, and of its injector
// Who waits for a namespace that somebody else serves tries again so often, and is made then.
constexpr Duration a_handover = 30s + a_new_start;
constexpr Duration watch_every = 1700ms;
// Of one that was only created nobody knows how old it is, where clocks are set.
constexpr Duration longest_doubt = 30min;

store::FaultRecord record_of(const std::string& endpoint, const program::FaultEnded& report) {
  store::FaultRecord record;
  record.policy = report.fault.policy;
  record.target = report.fault.target;
  record.endpoint = endpoint;
  record.failure = report.fault.failure;
  record.window = report.fault.window;
  record.planned_start = report.fault.planned_start;
  record.started = report.fault.started;
  record.ended = report.ended;
  record.outcome = report.cut_short ? store::Outcome::cut_short : store::Outcome::completed;
  return record;
}

}  // namespace

Storm::Storm(std::uint64_t seed, std::function<void(const std::string&)> tell)
    : world_(seed),
      lease_(std::chrono::seconds(std::vector{3, 6, 30}[world_.dice.below(3)])),
      service_(world_, our_id, lease_),
      tell_(std::move(tell)) {}

std::string Storm::run() {
  set_up();
  blow();
  calm_down();
  settle("after the storm", convergence);
  if (halted_ && broken_.empty()) {
    resume();
    settle("after resuming", convergence);
  }
  check_all_was_heard_of();
  if (neighbour_ && !neighbour_->is_gone() && broken_.empty()) clean();
  clear_away();
  if (neighbour_ && !neighbour_->is_gone() && broken_.empty()) {
    settle("with the neighbour alone", convergence);
    neighbour_->remove_all();
    wait(15s);
    check_nothing_is_left(neighbours_id);
  }
  check_history();
  service_.end();
  return broken_;
}

void Storm::say(const std::string& what) {
  if (tell_) tell_(concat(to_rfc3339(world_.agenda.now()).substr(11), "  ", what));
}

void Storm::broken(const std::string& what) {
  if (!broken_.empty()) return;
  broken_ = concat("at ", to_rfc3339(world_.agenda.now()).substr(11), ": ", what);
  say(concat("BROKEN: ", what));
  for (const auto& host : world_.hosts) {
    for (const auto& id : host->ids(true)) {
      const HostContainer& it = *host->find(id);
      say(concat("  ", id, " ", it.container.name, " ", it.container.state, " in ", it.network_namespace, ": ",
                 it.process ? it.process->last_state() : ""));
    }
  }
  if (!service_.runs()) return;
  for (const auto& each : service_.manager().endpoints()) say(concat("  ", each.endpoint, " ", each.message));
  for (const auto& each : service_.manager().injectors()) {
    say(concat("  the manager: ", each.id, " ", to_string(each.state), " ", join(each.policies, ","), " ",
               each.active.size(), " active ", each.message));
  }
}

void Storm::set_up() {
  const std::size_t hosts = world_.dice.chance(0.2) ? 2 : 1;
  for (std::size_t i = 0; i < hosts; ++i) {
    world_.hosts.push_back(std::make_unique<Host>(concat("h", i + 1), world_.agenda, world_.dice, world_.weather));
    Host& host = *world_.hosts.back();
    host.on_fault_started = [this](const program::Fault& fault) { on_fault(fault); };
    host.on_trespass = [this](const std::string& what) {
      if (!neighbour_ || !neighbour_->is_gone()) broken(what);
    };
    if (world_.dice.chance(0.1)) other_machines_.push_back(&host);
    for (std::size_t n = 1 + world_.dice.below(4); n > 0; --n) add_container(host);
  }
  begin_again();
  create();
  if (!world_.dice.chance(0.25)) return;
  neighbour_ = std::make_unique<Neighbour>(
      world_, lease_, [this](const std::string& what) { say(what); },
      [this](const std::string& what) { broken(what); });
}

// From event to event; the manager does at once what it can do.
void Storm::go_until(Duration end) {
  while (broken_.empty()) {
    if (!service_.work() && service_.runs()) {
      say("the manager is killed");
      service_.end();
      world_.agenda.after(world_.dice.between(0s, longest_absence), [this] { begin_again(); });
    }
    if (neighbour_) neighbour_->work();
    if (world_.agenda.elapsed() >= next_watch_) watch();
    if (world_.agenda.next() > end) break;
    world_.agenda.run_next();
  }
}

void Storm::wait(Duration time) {
  world_.agenda.after(time, [] {});
  go_until(world_.agenda.elapsed() + time);
}

void Storm::blow() {
  const Duration end = world_.agenda.elapsed() + storm_lasts;
  while (broken_.empty() && world_.agenda.elapsed() < end) {
    go_until(world_.agenda.elapsed() + world_.dice.between(1ms, 2s));
    // Time goes on even if nothing happens.
    world_.agenda.after(world_.dice.between(1ms, 1s), [] {});
    if (!broken_.empty()) return;
    if (neighbour_ && world_.dice.chance(0.2)) {
      neighbour_->act();
    } else {
      world_.dice.chance(0.5) ? user_acts() : nature_acts();
    }
  }
}

void Storm::calm_down() {
  if (!broken_.empty()) return;
  say("calm");
  calm_ = true;
  world_.weather = {};
  service_.life().calls_left.reset();
  service_.life().commits_left.reset();
  if (neighbour_) neighbour_->calm_down();
  for (const auto& host : world_.hosts) {
    for (const auto& id : host->ids(true, "paused")) host->pause(id, false);
  }
  wait(100s);  // whatever was under way
  if (broken_.empty()) compare_policies();
  if (neighbour_ && neighbour_->is_gone()) bury_neighbour();
}

// As `entropy doctor --fix`: what the neighbour serves stays.
void Storm::clean() {
  service_.ask<std::vector<control::CleanedView>>(service_.manager().clean_endpoints({}), [this](const auto& cleaned) {
    if (!cleaned) return broken(concat("cleaning: ", cleaned.error().message));
    for (const auto& each : *cleaned) {
      say(concat("cleaned ", each.endpoint, ": ", join(each.removed, ", ")));
      if (!each.removed.empty() && !neighbour_->is_gone()) broken(concat(each.removed.front(), " is no orphan"));
    }
  });
}

// What holds in its injectors has ended with their lease; that nobody comes back for them is found out.
void Storm::bury_neighbour() {
  const auto left = [&](Host& host) { return host.injectors_of(neighbours_id); };
  for (const auto& host : world_.hosts) {
    for (const auto& id : left(*host)) {
      const auto& process = host->find(id)->process;
      if (process && !process->held().empty()) return broken(concat(id, " holds something, and nobody leases it"));
    }
  }
  const auto any_left = [&] {
    return std::ranges::any_of(world_.hosts, [&](auto& host) { return !left(*host).empty(); });
  };
  const Duration end = world_.agenda.elapsed() + longest_doubt;
  while (broken_.empty() && any_left() && world_.agenda.elapsed() < end) {
    clean();
    wait(30s);
  }
  if (any_left() && broken_.empty()) broken("what the neighbour has left is no orphan");
}

Intent Storm::intent() const {
  Intent intent{our_id, {}, false};
  intent.halted = halted_;
  for (const auto& [name, known] : known_) {
    if (known.exists) intent.policies.push_back(known.record);
  }
  return intent;
}

bool Storm::any_stops() const {
  return std::ranges::any_of(known_, [](const auto& entry) {
    const auto& failures = entry.second.record.policy.container_failures;
    return std::ranges::any_of(failures, [](const auto& each) { return std::holds_alternative<failure::Stop>(each); });
  });
}

std::string Storm::wrong() {
  std::vector<Intent> intents = {intent()};
  const bool two = neighbour_ && !neighbour_->is_gone();
  if (two) intents.push_back(neighbour_->intent());
  auto text = deviation(world_, intents);
  if (text.empty()) text = untruth(world_, intents[0], service_.manager());
  if (text.empty() && two) text = untruth(world_, intents[1], neighbour_->service().manager());
  return text;
}

Duration Storm::patience_now() const {
  if (neighbour_ && !neighbour_->is_gone()) return a_handover;
  return any_stops() ? a_new_start : on_the_way;
}

// Within the time all is as it shall be, and stays so.
void Storm::settle(const std::string& when, Duration within) {
  const Duration end = world_.agenda.elapsed() + within;
  while (broken_.empty() && !wrong().empty()) {
    if (world_.agenda.elapsed() > end) return broken(concat(when, ": ", wrong()));
    wait(500ms);
  }
  say(concat(when, ": all is well"));
  for (int i = 0; i < 8 && broken_.empty(); ++i) {
    wait(4s + 137us);
    if (const auto text = wrong(); !text.empty() && broken_.empty()) {
      // At the edge of a window a report may be on its way.
      bool still = true;
      const Duration patience_ends = world_.agenda.elapsed() + patience_now();
      while (still && broken_.empty() && world_.agenda.elapsed() < patience_ends) {
        wait(on_the_way);
        still = !wrong().empty();
      }
      if (still) broken(concat(when, ", having been well: ", wrong()));
    }
  }
}

void Storm::clear_away() {
  for (auto& [name, known] : known_) {
    if (!broken_.empty()) return;
    if (!known.exists) continue;
    service_.end_policy(name, true, [this, &known](const Result<>& removed) {
      if (!removed) return broken(concat("removing ", known.record.policy.name, ": ", removed.error().message));
      known.exists = false;
      known.quiet = true;
      check_quiet(known.record.policy.name, "it was removed");
    });
  }
  wait(15s);
  check_nothing_is_left(our_id);
  for (const auto& [name, known] : known_) {
    if (broken_.empty() && known.exists) broken(concat(name, " could not be removed in time"));
  }
}

void Storm::check_nothing_is_left(const std::string& manager) {
  for (const auto& host : world_.hosts) {
    const auto injectors = host->injectors_of(manager);
    if (!injectors.empty()) return broken(concat(injectors.front(), " is left"));
    for (const auto& [id, it] : host->containers()) {
      if (!it.harm.empty()) return broken(concat(id, " is left ", *it.harm.begin()));
    }
  }
}

void Storm::watch() {
  next_watch_ = world_.agenda.elapsed() + watch_every;
  for (const auto& host : world_.hosts) {
    if (host->is_down()) lull_until_ = world_.agenda.elapsed() + lease_;
  }
  if (!service_.runs() || ending_) return;
  check_views();
  check_rows();
}

// What an injector is said to hold, it holds, or has until it could not be heard any more.
void Storm::check_views() {
  const Duration silence = lease_ / 6 + patience + on_the_way;
  for (const auto& view : service_.manager().injectors()) {
    for (const auto& fault : view.active) {
      const auto& record = known_.find(fault.policy);
      if (record == known_.end()) return broken(concat("a fault of an unknown policy ", fault.policy));
      bool held = false;
      for (const auto& host : world_.hosts) {
        if (host->name() == view.endpoint)
          held = host->held_lately(view.id, fault.policy, fault.failure, fault.window, silence + lease_);
      }
      if (!held)
        return broken(concat(view.id, " is said to hold ", fault.policy, " ", fault.failure, " ", fault.window));
    }
  }
}

bool Storm::is_shown_active(const store::FaultRecord& row) {
  store::FaultQuery query;
  query.cursor = store::FaultCursor{row.planned_start, row.id + 1};
  query.limit = 1;
  const auto shown = service_.manager().faults(query);
  return shown && !shown->empty() && shown->front().outcome == store::Outcome::active;
}

void Storm::check_rows() {
  const Duration silence = lease_ / 6 + patience + lease_ + unclaimed + on_the_way;
  for (const auto& each : service_.manager().endpoints()) {
    if (!each.up) unknown_until_[each.endpoint] = world_.agenda.elapsed();
  }
  const auto rows = service_.store().open_faults();
  for (const auto& row : *rows) {
    if (failure::is_of_container(row.failure)) continue;
    for (const auto& host : world_.hosts) {
      if (host->name() != row.endpoint || host->held_lately("", row.policy, row.failure, row.window, silence)) continue;
      // Nobody was there to see it end, or it may hold where nobody can look.
      if (world_.agenda.elapsed() < std::max(began_, unknown_until_[row.endpoint]) + unclaimed + 5s) continue;
      if (!is_shown_active(row)) continue;
      return broken(concat("the history says that ", row.policy, " ", row.failure, " ", row.window, " is active"));
    }
  }
}

void Storm::check_history() {
  if (!broken_.empty()) return;
  std::map<std::tuple<std::string, std::string, std::string, std::string, std::uint64_t, Time>, std::pair<int, int>>
      seen;
  store::FaultQuery query;
  query.limit = 1000;
  while (true) {
    const auto rows = service_.store().faults(query);
    for (const auto& row : *rows) {
      auto& [hit, missed] = seen[{row.endpoint, row.policy, row.target, row.failure, row.window, row.planned_start}];
      if (row.outcome == store::Outcome::missed) ++missed;
      if (row.outcome != store::Outcome::missed && row.outcome != store::Outcome::failed) ++hit;
      if (hit > 0 && missed > 0)
        return broken(concat("window ", row.window, " of ", row.policy, " on ", row.target, " was hit and missed"));
      if (missed > 1)
        return broken(concat("window ", row.window, " of ", row.policy, " on ", row.target, " was missed twice"));
      query.cursor = store::FaultCursor{row.planned_start, row.id};
    }
    if (rows->size() < query.limit) return;
  }
}

// The ends that injectors which live have logged; the later one of a fault that began twice at one instant.
std::vector<store::FaultRecord> Storm::told_ends() {
  using Start = std::tuple<std::string, std::string, std::string, std::string, Time, Time>;
  std::map<Start, store::FaultRecord> told;
  for (const auto& host : world_.hosts) {
    for (const auto& id : host->injectors_of(our_id, "running")) {
      for (const auto& line : host->find(id)->log) {
        const auto report = program::parse_report(trim(line));
        const auto* ended = report ? std::get_if<program::FaultEnded>(&*report) : nullptr;
        if (ended == nullptr) continue;
        auto record = record_of(host->name(), *ended);
        auto& latest = told.try_emplace({record.endpoint, record.policy, record.target, record.failure,
                                         record.planned_start, *record.started},
                                        record)
                           .first->second;
        if (record.ended > latest.ended) latest = std::move(record);
      }
    }
  }
  const auto records = std::views::values(told);
  return {records.begin(), records.end()};
}

// Where clocks are set, a fault may begin twice at one instant, which in virtual time is a window's own: the later end
// counts, of whichever injector. What was frozen had ended before it could say so.
bool Storm::is_of_the_same_end(const store::FaultRecord& row, const store::FaultRecord& told) const {
  if (row.ended == told.ended && row.outcome == told.outcome) return true;
  if (row.message == control::frozen_end) return row.ended < told.ended;
  const bool was_told = row.message.empty() || row.message == control::idle_end;
  return clocks_were_set_ && was_told && row.ended > told.ended;
}

// Whether or not anybody listened when they were told.
void Storm::check_all_was_heard_of() {
  if (!broken_.empty()) return;
  const auto told = told_ends();
  wait(on_the_way);
  for (const auto& record : told) {
    const auto row = *service_.store().find_fault(record);
    if (row && is_of_the_same_end(*row, record)) continue;
    return broken(concat("of ", record.policy, " ", record.failure, " ", record.window, " on ", record.target, " from ",
                         to_rfc3339(*record.started), " was told that it ended at ", to_rfc3339(*record.ended),
                         row ? concat(", and the history says ", to_rfc3339(row->ended.value_or(Time{})), ", ",
                                      store::to_string(row->outcome), ", ", row->message)
                             : ", and the history has nothing of it"));
  }
}

}  // namespace entropy::chaos
