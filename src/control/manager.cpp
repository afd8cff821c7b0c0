#include "control/manager.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "control/log.hpp"
#include "control/namespaces.hpp"
#include "control/spawn.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// The promise is two seconds for a hundred injectors; an engine that is busy gets more.
constexpr Duration rollback_time = 10s;

std::unexpected<Error> no_policy(std::string_view name) {
  return fail(ErrorCode::not_found, concat("no policy named ", quoted(name), " (entropy ls shows those there are)"));
}

Result<> check_revision(const policy::Record& record, std::optional<std::uint64_t> if_revision) {
  if (!if_revision || *if_revision == record.revision) return {};
  return fail(ErrorCode::precondition, concat("the policy ", record.policy.name, " is at revision ", record.revision,
                                              ", not ", *if_revision, ": read it again"));
}

void prepare_start(policy::Record& record) {
  record.held = !record.policy.start_when.empty();
  record.stopped.reset();
}

std::string why_held(const std::vector<ConditionView>& conditions) {
  const auto lacking = [](const ConditionView& each) { return !each.stop && !each.holds; };
  const auto first = std::ranges::find_if(conditions, lacking);
  if (first == conditions.end()) return "it is about to begin";
  return concat("it begins when all of start_when holds; not yet ", first->condition, " (", first->evidence, ")");
}

std::unexpected<Error> is_halted() {
  return fail(ErrorCode::conflict, "everything is halted: resume first (entropy resume)");
}

}  // namespace

Manager::Manager(Timing& timing, store::Store& store, const Clock& clock, ManagerOptions options)
    : timing_(timing),
      executor_(timing.executor()),
      store_(store),
      clock_(clock),
      options_(options),
      journal_(store, clock, metrics_, options.history),
      missed_ends_(timing, [this] { reconciler_.wake(); }),
      guard_(timing, options.probe, missed_ends_, [this] { reconciler_.wake(); }),
      reconciler_(timing, clock, store, journal_, metrics_, desired_,
                  ReconcilerOptions{[this](const Index& index, Time now) { review(index, now); },
                                    [this] { return guard_.until_next_question(); }, options.manager_id, options.lease,
                                    std::move(options.image)}) {
  desired_.rules = options_.rules;
}

Result<std::unique_ptr<Manager>> Manager::make(Timing& timing, store::Store& store, const Clock& clock,
                                               ManagerOptions options) {
  std::unique_ptr<Manager> manager(new Manager(timing, store, clock, std::move(options)));
  auto policies = store.policies();
  if (!policies) return fail(policies.error());
  manager->desired_.policies = std::move(*policies);
  for (const auto& record : manager->desired_.policies) manager->metrics_.policy_is_there(record.policy);
  manager->reconciler_.recall(recalled_picks(manager->desired_.policies, manager->journal_.left_open()));
  const auto halt = store.halt();
  if (!halt) return fail(halt.error());
  manager->halt_ = *halt;
  manager->desired_.halted = halt->has_value();
  const auto recalled = manager->reconciler_.acts().recall();
  if (!recalled) return fail(recalled.error());
  return manager;
}

policy::Record* Manager::find(std::string_view name) {
  const auto found = std::ranges::find(desired_.policies, name, [](const auto& record) { return record.policy.name; });
  return found == desired_.policies.end() ? nullptr : &*found;
}

const policy::Record* Manager::find(std::string_view name) const { return const_cast<Manager*>(this)->find(name); }

void Manager::tell(std::string type, std::string_view policy, const Caller& by, boost::json::object data) {
  Event event;
  event.type = std::move(type);
  event.policy = policy;
  event.data = std::move(data);
  if (!by.by.empty()) event.data["by"] = by.by;
  if (!by.from.empty()) event.data["from"] = by.from;
  journal_.event(std::move(event));
}

PolicyView Manager::view(const policy::Record& record, const Index& index, const Plan& plan) const {
  Match match = plan.matches.at(record.policy.name);
  if (record.policy.container_failures.empty()) share_held_back(match.targets, index);
  PolicyView view{record, status_of(record, match, desired_, index, clock_.now()), match.targets};
  view.targets.insert(view.targets.end(), match.down.begin(), match.down.end());
  for (const auto& act : index.observed().acts) {
    if (!act.holds || act.record.policy != record.policy.name) continue;
    view.acts.push_back({act.record.policy, std::string(failure::name_of(act.failure)), act.record.window,
                         act.record.done.value_or(act.record.planned_start), act.record.name});
  }
  view.status.missed = journal_.missed_count(record.policy.name);
  view.status.conditions = guard_.views(record, desired_, index);
  if (record.held && view.status.phase == Phase::waiting) view.status.message = why_held(view.status.conditions);
  return view;
}

std::vector<PolicyView> Manager::policies() const {
  const Observed observed = reconciler_.observe();
  const Index index(observed);
  const Plan plan = control::plan(desired_, index, clock_.now());
  std::vector<PolicyView> views;
  views.reserve(desired_.policies.size());
  for (const auto& record : desired_.policies) views.push_back(view(record, index, plan));
  return views;
}

Result<PolicyView> Manager::view_now(std::string_view name) const {
  const auto* record = find(name);
  if (record == nullptr) return no_policy(name);
  const Observed observed = reconciler_.observe();
  const Index index(observed);
  const Plan plan = control::plan(desired_, index, clock_.now());
  PolicyView view = this->view(*record, index, plan);
  for (auto& target : view.targets) {
    describe_target(target, *record, index, view.status.phase);
    const auto* container = index.find(target.endpoint, target.id);
    const auto spares_it = [&](const ActPlace& place) {
      return std::get<0>(place) == target.endpoint && std::get<1>(place) == name && container != nullptr &&
             std::get<2>(place) == schedule_name(container->container);
    };
    if (target.state == "armed" && std::ranges::any_of(plan.acts.capped, spares_it)) target.state = "spared";
  }
  view.skipped = plan.matches.at(record->policy.name).skipped;
  return view;
}

Result<PolicyView> Manager::policy(std::string_view name) const { return view_now(name); }

std::string Manager::free_name() {
  while (true) {
    std::string name = policy::make_name(Hash().number(options_.random_seed).number(random_counter_++).value());
    if (find(name) == nullptr) return name;
  }
}

Result<policy::Record> Manager::fresh_record(policy::Draft draft) {
  constexpr int unused_bits = 64 - 53;
  const Time now = clock_.now();
  if (draft.policy.name.empty()) draft.policy.name = free_name();
  const auto name = policy::check_name(draft.policy.name);
  if (!name) return fail(name.error());
  if (!draft.has_seed) {
    draft.policy.schedule.seed =
        Hash().number(options_.random_seed).text("seed").number(random_counter_++).value() >> unused_bits;
  }
  const auto conditions = check_conditions(draft.policy);
  if (!conditions) return fail(conditions.error());
  draft.policy.schedule.epoch = now;
  policy::Record record{std::move(draft.policy), 1, now, now};
  record.held = record.policy.running && !record.policy.start_when.empty();
  return record;
}

Result<> Manager::save(policy::Record record, std::string event_type, const Caller& by) {
  const auto stored = store_.put_policy(record);
  if (!stored) return stored;
  const std::string name = record.policy.name;
  unsaved_.erase(name);
  metrics_.policy_is_there(record.policy);
  auto* known = find(name);
  if (known == nullptr) {
    const auto by_name = [](const auto& each) -> const std::string& { return each.policy.name; };
    const auto place = std::ranges::upper_bound(desired_.policies, name, {}, by_name);
    desired_.policies.insert(place, std::move(record));
  } else {
    // Windows count from the new epoch: what was seen of the old ones says nothing.
    if (known->policy.schedule.epoch != record.policy.schedule.epoch) {
      journal_.forget_policy(name);
      reconciler_.customs().forget_troubles(name);
      reconciler_.acts().forget_troubles(name);
    }
    *known = std::move(record);
  }
  tell(std::move(event_type), name, by);
  reconciler_.wake();
  return {};
}

Result<PolicyView> Manager::create_policy(policy::Draft draft, Caller by) {
  if (!draft.policy.name.empty() && find(draft.policy.name) != nullptr) {
    return fail(ErrorCode::conflict, concat("a policy named ", quoted(draft.policy.name),
                                            " is there already: choose another name, or entropy rm it first"));
  }
  if (desired_.halted && draft.policy.running) return is_halted();
  auto record = fresh_record(std::move(draft));
  if (!record) return fail(record.error());
  const std::string name = record->policy.name;
  const auto saved = save(std::move(*record), "policy.created", by);
  if (!saved) return fail(saved.error());
  return view_now(name);
}

Result<Manager::Put> Manager::put_policy(std::string name, policy::Draft draft,
                                         std::optional<std::uint64_t> if_revision, Caller by) {
  if (!draft.policy.name.empty() && draft.policy.name != name) {
    return fail(Error{ErrorCode::invalid,
                      concat("the body names ", quoted(draft.policy.name), ", the address ", quoted(name)),
                      {{"name", "differs from the address"}}});
  }
  draft.policy.name = name;
  const auto* known = find(name);
  if (known == nullptr) {
    if (if_revision) return fail(ErrorCode::precondition, concat("there is no policy ", quoted(name), " any more"));
    auto created = create_policy(std::move(draft), by);
    if (!created) return fail(created.error());
    return Put{std::move(*created), true};
  }
  const auto revision = check_revision(*known, if_revision);
  if (!revision) return fail(revision.error());
  const auto conditions = check_conditions(draft.policy);
  if (!conditions) return fail(conditions.error());
  policy::Record record = *known;
  const policy::Policy before = record.policy;
  if (!draft.has_seed) draft.policy.schedule.seed = before.schedule.seed;
  record.policy = std::move(draft.policy);
  if (desired_.halted && record.policy.running && !before.running) return is_halted();
  const bool was_held = record.held;
  if (!before.running && record.policy.running) prepare_start(record);
  record.held &= record.policy.running && !record.policy.start_when.empty();
  const bool anew = policy::restarts_schedule(before, record.policy) || (was_held && !record.held);
  record.policy.schedule.epoch = anew ? clock_.now() : before.schedule.epoch;
  record.updated = clock_.now();
  ++record.revision;
  const auto saved = save(std::move(record), "policy.updated", by);
  if (!saved) return fail(saved.error());
  auto view = view_now(name);
  if (!view) return fail(view.error());
  return Put{std::move(*view), false};
}

Result<PolicyView> Manager::start_policy(std::string name, Caller by) {
  const auto* known = find(name);
  if (known == nullptr) return no_policy(name);
  if (desired_.halted) return is_halted();
  const bool over = clock_.now() >= policy::end_of(*known);
  if (known->policy.running && !over) return view_now(name);
  policy::Record record = *known;
  record.policy.running = true;
  prepare_start(record);
  record.policy.schedule.epoch = clock_.now();
  record.updated = clock_.now();
  ++record.revision;
  const auto saved = save(std::move(record), "policy.started", by);
  if (!saved) return fail(saved.error());
  return view_now(name);
}

// In memory whether or not it can be stored: a full disk must not keep anybody from stopping what harms.
Result<> Manager::mark_stopped(policy::Record& known, const Caller& by, boost::json::object data) {
  known.policy.running = false;
  known.held = false;
  known.updated = clock_.now();
  ++known.revision;
  const auto stored = store_stopped(known);
  tell("policy.stopped", known.policy.name, by, std::move(data));
  reconciler_.wake();
  return stored;
}

Result<> Manager::store_stopped(const policy::Record& known) {
  const auto stored = store_.put_policy(known);
  if (stored) {
    unsaved_.erase(known.policy.name);
  } else {
    unsaved_.insert(known.policy.name);
  }
  return stored;
}

// One that is stopped already may not be stored as such.
Result<> Manager::stop_at_once(policy::Record& known, const Caller& by) {
  if (known.policy.running) return mark_stopped(known, by);
  return unsaved_.contains(known.policy.name) ? store_stopped(known) : Result<>();
}

Task<PolicyView> Manager::stop_policy(std::string name, Caller by) {
  auto* known = find(name);
  if (known == nullptr) co_return no_policy(name);
  const auto stored = stop_at_once(*known, by);
  const auto clean = co_await wait_clean(name);
  if (!clean) co_return fail(context("stopped, but not rolled back everywhere", clean.error()));
  if (!stored)
    co_return fail(context("stopped and rolled back, but not over a restart of the service", stored.error()));
  co_return view_now(name);
}

Result<> Manager::stop_policies(const std::vector<std::string>& names, const Caller& by) {
  Result<> result;
  for (const auto& name : names) {
    auto* known = find(name);
    if (known == nullptr) continue;
    const auto stored = stop_at_once(*known, by);
    if (!stored) result = fail(context(concat(name, ": stopped, but not over a restart"), stored.error()));
  }
  return result;
}

// An empty name waits for everything.
Task<> Manager::wait_clean(std::string policy) {
  const auto began = timing_.elapsed();
  const auto deadline = began + rollback_time;
  bool had_to_wait = false;  // there was something to roll back
  bool looked = false;       // at what an engine may have done late
  while (true) {
    auto left = reconciler_.not_clean(policy);
    if (!left && !std::exchange(looked, true) && reconciler_.acts().look_at_doubtful(policy)) {
      left = reconciler_.not_clean(policy);
    }
    const auto now = timing_.elapsed();
    if (!left && had_to_wait) metrics_.rolled_back(now - began);
    if (!left) co_return Result<>();
    had_to_wait = true;
    if (left->out_of_reach || now >= deadline) co_return fail(ErrorCode::unavailable, left->why);
    co_await reconciler_.changed().wait_next(deadline - now);
  }
}

Task<> Manager::remove_policy(std::string name, bool wait, std::optional<std::uint64_t> if_revision, Caller by) {
  const auto* known = find(name);
  if (known == nullptr) co_return no_policy(name);
  const auto revision = check_revision(*known, if_revision);
  if (!revision) co_return revision;
  if (wait) co_return co_await remove_stopped(std::move(name), std::move(by));
  spawn(executor_, concat("removing policy ", name), finish_removal(name, by));
  co_return Result<>();
}

Task<> Manager::remove_stopped(std::string name, Caller by) {
  const auto stopped = co_await stop_policy(name, by);
  if (!stopped) {
    co_return fail(
        context(concat("the policy ", name, " is kept, stopped, until its faults are gone for sure"), stopped.error()));
  }
  // Somebody may have been faster meanwhile, or have started it again.
  const auto* known = find(name);
  if (known == nullptr) co_return Result<>();
  if (known->policy.running) co_return fail(ErrorCode::conflict, concat("the policy ", name, " was started meanwhile"));
  const auto removed = store_.remove_policy(name);
  if (!removed) co_return removed;
  std::erase_if(desired_.policies, [&](const auto& record) { return record.policy.name == name; });
  journal_.forget_policy(name);
  metrics_.policy_removed(name);
  tell("policy.removed", name, by);
  reconciler_.wake();
  co_return Result<>();
}

// Until it is done, or somebody starts the policy again.
asio::awaitable<void> Manager::finish_removal(std::string name, Caller by) {
  auto removed = co_await remove_stopped(name, by);
  if (!removed) log::warn("{}", removed.error().message);
  while (!removed && removed.error().code == ErrorCode::unavailable) {
    co_await reconciler_.changed().wait_next(1s);
    const auto* known = find(name);
    if (known == nullptr || known->policy.running) co_return;
    if (!reconciler_.not_clean(name)) removed = co_await remove_stopped(name, by);
  }
}

HaltView Manager::halt_state() const {
  HaltView view;
  view.halted = halt_.has_value();
  if (halt_) {
    view.reason = halt_->reason;
    view.since = halt_->since;
  }
  return view;
}

Task<HaltView> Manager::halt(std::string reason, Caller by) {
  const store::Halt halt{std::move(reason), halt_ ? halt_->since : clock_.now()};
  const bool is_new = !halt_;
  // In memory first: a full disk must not keep anybody from stopping everything.
  halt_ = halt;
  desired_.halted = true;
  reconciler_.wake();
  const auto stored = store_.set_halt(halt);
  if (stored) {
    halt_unsaved_.reset();
  } else if (is_new) {
    halt_unsaved_ = stored.error();
  }
  tell("halt.set", "", by, {{"reason", halt.reason}});
  const auto clean = co_await wait_clean("");
  if (!clean) co_return fail(context("halted, but not rolled back everywhere", clean.error()));
  // What is in force by now may be another one's halt.
  if (!halt_) co_return fail(ErrorCode::conflict, "it was resumed while this halt was rolling back");
  const std::optional<Error> unsaved = stored ? halt_unsaved_ : stored.error();
  if (unsaved) co_return fail(context("halted now, but not over a restart of the service", *unsaved));
  co_return halt_state();
}

Result<> Manager::resume(Caller by) {
  if (!halt_) return {};
  const auto stored = store_.set_halt(std::nullopt);
  if (!stored) return stored;
  halt_.reset();
  halt_unsaved_.reset();
  desired_.halted = false;
  tell("halt.cleared", "", by);
  reconciler_.wake();
  return {};
}

}  // namespace entropy::control
