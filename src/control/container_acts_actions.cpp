// What acts cost of an engine's calls: done, verified, undone.

#include <algorithm>

#include "base/text.hpp"
#include "control/act_words.hpp"
#include "control/container_acts.hpp"
#include "control/labels.hpp"
#include "control/log.hpp"
#include "control/spawn.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using store::ActState;

constexpr Duration undo_again = 1s;
constexpr Duration look_again = 250ms;
constexpr Duration look_at_health_every = 250ms;
constexpr Duration longest_recovery = 5min;

// Whether the engine has said no: what it was asked for was not done, and will not be.
bool is_refusal(const Result<>& answer) {
  if (answer) return false;
  const ErrorCode code = answer.error().code;
  return code != ErrorCode::unavailable && code != ErrorCode::timeout && code != ErrorCode::protocol;
}

std::string said_by(const Result<>& answer, const failure::ContainerFailure& failure) {
  if (!answer) return answer.error().message;
  return concat("the engine says that it has done ", failure::name_of(failure),
                ", but the container shows nothing of it");
}

// A stop whose grace is as long as its window would be done when the window is over.
failure::ContainerFailure in_time(failure::ContainerFailure failure, const store::ActRecord& record, Time now) {
  auto* stop = std::get_if<failure::Stop>(&failure);
  if (stop != nullptr && record.planned_end) {
    const Duration half = std::max<Duration>((*record.planned_end - now) / 2, Duration::zero());
    stop->grace = std::min<Duration>(stop->grace, std::chrono::floor<std::chrono::seconds>(half));
  }
  return failure;
}

}  // namespace

asio::awaitable<void> ContainerActs::settle(Place place, std::vector<ActStep> steps) {
  for (const auto& step : steps) {
    if (const auto* due = std::get_if<BeginAct>(&step)) {
      const auto begun = co_await begin(due->due);
      std::erase_if(beginning_, [&](const DueAct& each) {
        return Place(each.endpoint, each.container) == place && each.fault == due->due.fault;
      });
      if (!begun) refuse(due->due, begun.error().message);
    } else if (const auto* resume = std::get_if<ResumeAct>(&step)) {
      co_await perform(resume->id, true);
    } else {
      co_await end(std::get<EndAct>(step).id);
    }
  }
  busy_.erase(place);
  context_.wake();
}

// Why it is not done; empty: it may be.
docker::Task<std::string> ContainerActs::refusal_of(DueAct due) {
  Endpoint& where = *endpoint(due.endpoint);
  const CachedContainer& target = where.containers().at(due.container);
  const docker::ContainerDetails& details = *target.details();
  if (std::holds_alternative<failure::Pause>(due.failure) && target.container().state == "paused") {
    co_return std::string("it is paused already, by somebody else");
  }
  if (std::holds_alternative<failure::Stop>(due.failure) && details.auto_remove) {
    co_return std::string("it was started with --rm: once stopped it would be gone, and could not be started again");
  }
  if (std::holds_alternative<failure::Stop>(due.failure) &&
      !label_of(target.container(), label::swarm_service).empty()) {
    co_return std::string(
        "it is a task of a Swarm service, which would have another one in its place: use kill or pause");
  }
  if (std::holds_alternative<failure::Stop>(due.failure) && !docker::joined_container(target.container()).empty()) {
    co_return std::string("it is in another container's network, without which it could not be started again");
  }
  if (auto reason = no_less(details.limits, due.failure); !reason.empty()) co_return std::move(reason);
  const auto* memory = std::get_if<failure::MemoryLimit>(&due.failure);
  if (memory == nullptr || memory->force) co_return std::string();
  const auto usage = co_await where.engine().container_usage(due.container);
  if (!usage) co_return fail(usage.error());
  if (usage->memory < memory->limit.bytes) co_return std::string();
  co_return concat("it uses ", usage->memory >> 20, " MiB of memory, and might be killed with ",
                   entropy::to_string(memory->limit), ": say force=true if it may be");
}

docker::Task<> ContainerActs::begin(DueAct due) {
  Endpoint& where = *endpoint(due.endpoint);
  const auto inspected = co_await where.inspect(due.container);
  if (!inspected && inspected.error().code == ErrorCode::not_found) co_return Result<>();  // it has just gone
  if (!inspected) {                                                                        // it is nobody's fault yet
    note_trouble(due.fault.policy, due.container, inspected.error().message);
    co_return Result<>();
  }
  Act act{record_of(due), due.failure};
  store::ActRecord& record = act.record;
  const auto others = sharing(act);
  const CachedContainer& target = where.containers().at(due.container);
  if (others.empty() || failure::is_instant(due.failure)) {
    if (!target.up) co_return Result<>();
    const auto refusal = co_await refusal_of(due);
    if (!refusal) co_return fail(refusal.error());
    if (!refusal->empty()) co_return fail(ErrorCode::conflict, *refusal);
    const docker::ContainerDetails& details = *where.containers().at(due.container).details();
    const std::string service = service_key(*where.containers().at(due.container).observed());
    Former former{details.started_at, service, details.restart, details.restart_count, details.limits};
    // What the engine did late is not what it was like before.
    const auto doubtful = std::ranges::find_if(
        acts_, [&](const auto& entry) { return are_alike(entry.second, act) && is_in_doubt(entry.second); });
    if (doubtful != acts_.end()) former.limits = former_from(doubtful->second.record.former).limits;
    record.former = to_text(former);
  } else {
    record.former = others.front()->record.former;
  }
  if (stopped_ || context_.clock.now() >= due.fault.planned_end) co_return Result<>();
  const auto stored = context_.store.put_act(record);
  if (!stored) co_return fail(context("it would not be undone after a crash", stored.error()));
  record.id = *stored;
  const std::uint64_t id = record.id;
  acts_.emplace(id, std::move(act));
  co_await perform(id, false);
  co_return Result<>();
}

docker::Task<> ContainerActs::carry_out(Endpoint& where, std::string container, failure::ContainerFailure failure,
                                        docker::Limits limits) {
  docker::Engine& engine = where.engine();
  if (const auto* kill = std::get_if<failure::Kill>(&failure)) {
    auto signal = kill->signal.text;
    co_return co_await engine.kill_container(container, std::move(signal));
  }
  if (const auto* stop = std::get_if<failure::Stop>(&failure))
    co_return co_await engine.stop_container(container, stop->grace);
  if (const auto* restart = std::get_if<failure::Restart>(&failure)) {
    co_return co_await engine.restart_container(container, restart->grace);
  }
  if (std::holds_alternative<failure::Pause>(failure)) co_return co_await engine.pause_container(container);
  if (const auto* remove = std::get_if<failure::Remove>(&failure)) {
    co_return co_await engine.remove_container(container, remove->volumes);
  }
  co_return co_await engine.update_container(container, limits);
}

asio::awaitable<void> ContainerActs::perform(std::uint64_t id, bool again) {
  Act* act = find(id);
  if (act == nullptr) co_return;
  Endpoint& where = *endpoint(act->record.endpoint);
  const bool instant = failure::is_instant(act->failure);
  const bool in_doubt = instant && again;
  const failure::ContainerFailure failure = act->failure;
  const std::string container = act->record.container;
  const docker::Limits limits = failure::takes_down(failure) ? docker::Limits() : asked_of(*act);
  Result<> answer;
  // What somebody else keeps in place need not be done; what may have been done at once is not done again.
  if (!in_doubt && (instant || !is_in_place(*act))) {
    answer = co_await carry_out(where, container, in_time(failure, act->record, context_.clock.now()), limits);
  }
  const auto seen = co_await where.inspect(container);
  act = find(id);
  if (act == nullptr) co_return;
  if (instant) {
    if (is_refusal(answer)) co_return give_up(*act, answer.error().message);
    act->record.state = ActState::held;
    if (answer && !in_doubt) co_return hold(*act);
    save(*act);  // without a time: whether it was done is still to be seen
    co_return;
  }
  // Done too late it is undone at once, and was never said to hold.
  const bool is_over = act->record.planned_end && context_.clock.now() >= *act->record.planned_end;
  // Though it is in place: that may be somebody else's doing, and ours to come yet.
  if (!answer && !is_refusal(answer)) act->in_doubt_until = context_.timing.elapsed() + longest_way;
  if (seen && is_in_place(*act) && !is_over) co_return hold(*act);
  if (seen && is_in_place(*act)) co_return;
  // What was asked for before, without an answer, may still be done.
  if (is_refusal(answer) && seen && !is_in_doubt(*act)) co_return give_up(*act, answer.error().message);
  if (!seen) co_return note_trouble(act->record.policy, container, seen.error().message);
  tell_failure(*act, said_by(answer, failure));
}

// Brings back what it was like before; done where there is nothing to bring back.
docker::Task<> ContainerActs::undo(std::uint64_t id) {
  const Act& act = *find(id);
  Endpoint& where = *endpoint(act.record.endpoint);
  const std::string container = act.record.container;
  const failure::ContainerFailure failure = act.failure;
  const auto others = sharing(act);
  const Former former = former_from(act.record.former);
  const bool is_limit = !failure::takes_down(failure);
  if (!is_limit && !others.empty()) co_return Result<>();
  docker::Limits limits;
  if (is_limit) {
    const auto rest = held_beside(act);
    doubt_what_shares(act);
    limits = rest.empty() ? restored(former.limits, failure) : limited(former.limits, rest);
  }
  Result<> answer;
  // The start that it had when it was stopped: somebody may have restarted it just before.
  if (find(act.record) == nullptr || find(act.record)->started_at().empty()) answer = co_await where.inspect(container);
  if (!answer && answer.error().code == ErrorCode::not_found) co_return Result<>();
  if (!answer) co_return answer;
  const std::string start_before = where.containers().at(container).started_at();
  if (std::holds_alternative<failure::Pause>(failure)) answer = co_await where.engine().unpause_container(container);
  if (std::holds_alternative<failure::Stop>(failure)) answer = co_await where.engine().start_container(container);
  if (is_limit) answer = co_await where.engine().update_container(container, limits);
  const auto seen = co_await where.inspect(container);
  if (!seen && seen.error().code == ErrorCode::not_found) co_return Result<>();
  if (!seen) co_return answer ? seen : answer;
  const CachedContainer& now = where.containers().at(container);
  bool back = is_limit && now.details() && in_place(now.details()->limits, limits);
  if (std::holds_alternative<failure::Pause>(failure)) back = now.container().state != "paused";
  if (std::holds_alternative<failure::Stop>(failure)) back = now.up || now.started_at() != start_before;
  if (back) co_return Result<>();
  co_return answer
      ? fail(ErrorCode::unavailable, "the engine says that it was undone, but the container shows nothing of it")
      : answer;
}

// An engine that is late may limit the container to what the others want when they are over, too.
void ContainerActs::doubt_what_shares(const Act& act) {
  for (auto& [id, other] : acts_) {
    if (!are_alike(other, act) || id == act.record.id || other.record.state != ActState::held) continue;
    other.in_doubt_until = context_.timing.elapsed() + longest_way;
    save(other);
  }
}

docker::Task<> ContainerActs::undo_what_is_there(std::uint64_t id) {
  Act* act = find(id);
  if (act->record.done && act->record.state != ActState::over) co_return co_await undo(id);
  const auto seen = co_await endpoint(act->record.endpoint)->inspect(act->record.container);
  act = find(id);
  if (seen && !is_in_place(*act) && sharing(*act).empty()) co_return Result<>();
  log::warn("{}: {} of {} is undone on {}: the engine may have done it later than it was asked to",
            act->record.endpoint, failure::name_of(act->failure), act->record.policy, act->record.name);
  co_return co_await undo(id);
}

asio::awaitable<void> ContainerActs::end(std::uint64_t id) {
  Act* act = find(id);
  if (act == nullptr) co_return;
  const Time now = context_.clock.now();
  const bool complete = act->record.planned_end && now >= *act->record.planned_end;
  if (failure::is_instant(act->failure)) {
    const auto* same = find(act->record);
    const bool survived =
        same != nullptr && same->up && same->started_at() == former_from(act->record.former).started_at;
    (void)tell_end(*act, store::Outcome::completed,
                   survived ? words_of_survival(act->failure) : words_of_no_return(act->failure));
    co_return drop(id);
  }
  if (act->record.state == ActState::over && !is_in_doubt(*act)) co_return drop(id);
  keep_as_undoing(*act);
  const auto undone = co_await undo_what_is_there(id);
  act = find(id);
  if (act == nullptr) co_return;
  if (!undone) {
    if (act->record.state == ActState::held) act->record.state = ActState::intended;
    note_trouble(act->record.policy, act->record.container, undone.error().message);
    ActTrouble& trouble = troubles_.at({act->record.policy, act->record.container});
    trouble.retry_at = context_.clock.now() + undo_again;
    co_return;
  }
  troubles_.erase({act->record.policy, act->record.container});
  const auto* container = find(act->record);
  const bool shared = !sharing(*act).empty();
  std::optional<Duration> down;
  if (act->record.done && std::holds_alternative<failure::Pause>(act->failure))
    down = context_.clock.now() - *act->record.done;
  if (container != nullptr && std::holds_alternative<failure::Stop>(act->failure)) down = down_time(*container);
  if (shared) down.reset();
  const std::string measured = measured_json(down, std::nullopt);
  const auto record = tell_end(*act, complete ? store::Outcome::completed : store::Outcome::cut_short, "", measured);
  const std::string place = act->record.endpoint;
  const std::string target = act->record.container;
  const bool is_ill =
      container != nullptr && !container->container().health.empty() &&
      (container->container().health != "healthy" || std::holds_alternative<failure::Stop>(act->failure));
  if (is_in_doubt(*act) && container != nullptr) {
    // What somebody else had undone before it came late is not due again.
    act->undone = act->undone || act->record.state != ActState::over;
    act->record.state = ActState::over;
    save(*act);
  } else {
    drop(id);
  }
  if (record && is_ill && !shared && !stopped_) {
    spawn(context_.timing.executor(), "watching a container's health", watch_health(place, target, *record));
  }
}

// What somebody else has undone is not done again.
asio::awaitable<void> ContainerActs::verify_undone(std::uint64_t id) {
  const store::ActRecord record = find(id)->record;
  const auto seen = co_await endpoint(record.endpoint)->inspect(record.container);
  const bool known = seen || seen.error().code == ErrorCode::not_found;
  if (Act* act = find(id); act != nullptr && known && seems_undone(*act)) {
    end_by_itself(*act, store::Outcome::cut_short, words_of_undoing(*act));
  }
  if (!known) co_await context_.timing.sleep(look_again);
  busy_.erase(place_of(record));
  context_.wake();
}

// A restart policy that Docker leaves alone after a kill through its API.
asio::awaitable<void> ContainerActs::start_again(std::uint64_t id) {
  const store::ActRecord record = find(id)->record;
  Endpoint& where = *endpoint(record.endpoint);
  (void)co_await where.inspect(record.container);
  const auto* container = find(record);
  if (container != nullptr && !container->up && container->container().state != "restarting") {
    const auto started = co_await where.engine().start_container(record.container);
    (void)co_await where.inspect(record.container);
    Act* act = find(id);
    if (act != nullptr) act->started_by_us = started.has_value();
    if (!started) {
      log::warn("{}: starting {} again: {}", record.endpoint, record.name, started.error().message);
      if (act != nullptr) act->down_since = context_.timing.elapsed();
    }
  }
  busy_.erase(place_of(record));
  context_.wake();
}

asio::awaitable<void> ContainerActs::watch_health(std::string endpoint_name, std::string container,
                                                  store::FaultRecord record) {
  const Duration since = context_.timing.elapsed();
  while (!stopped_ && context_.timing.elapsed() < since + longest_recovery) {
    const auto& containers = endpoint(endpoint_name)->containers();
    const auto found = containers.find(container);
    if (found == containers.end() || !found->second.up) co_return;
    if (found->second.container().health == "healthy") {
      const auto down = measured_down(record.measured);
      co_return context_.journal.amend(std::move(record), measured_json(down, context_.timing.elapsed() - since));
    }
    co_await context_.timing.sleep(look_at_health_every);
  }
}

asio::awaitable<std::size_t> ContainerActs::shut_down(Duration within) {
  stopped_ = true;
  const auto deadline = context_.timing.elapsed() + within;
  while (!busy_.empty() && context_.timing.elapsed() < deadline) co_await context_.timing.sleep(20ms);
  std::map<Place, std::vector<ActStep>> steps;
  for (const auto& [id, act] : acts_) {
    const bool is_done = act.record.state == ActState::over && !is_in_doubt(act);
    if (failure::is_instant(act.failure) || is_done) continue;
    const auto place = place_of(act.record);
    if (endpoint(place.first) != nullptr && !busy_.contains(place)) steps[place].push_back(EndAct{id});
  }
  for (auto& [place, planned] : steps) {
    busy_[place] = {};
    spawn(context_.timing.executor(), "undoing an act", settle(place, std::move(planned)));
  }
  while (!busy_.empty() && context_.timing.elapsed() < deadline) co_await context_.timing.sleep(20ms);
  // What is in doubt the engine may do yet, when nobody is there to undo it.
  co_return static_cast<std::size_t>(std::ranges::count_if(acts_, [this](const auto& entry) {
    const Act& act = entry.second;
    return !failure::is_instant(act.failure) && (act.record.state != ActState::over || is_in_doubt(act));
  }));
}

}  // namespace entropy::control
