// What the reconciler does to engines and injectors.

#include <algorithm>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/log.hpp"
#include "control/own_name.hpp"
#include "control/reconciler_runtime.hpp"
#include "control/spawn.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration first_backoff = 500ms;
constexpr Duration longest_backoff = 30s;
constexpr Duration longest_before_room = 5s;  // where somebody else's container is in the way

}  // namespace

asio::awaitable<void> Reconciler::create(CreateInjector action) {
  const std::string target_id = action.target_id;
  const std::string target_name = action.target_name;
  const auto created = co_await try_create(std::move(action));
  if (created) {
    failures_.erase(target_id);
  } else {
    note_failure(target_id, target_name, created.error());
  }
  busy_.erase(target_id);
  wake();
}

docker::Task<> Reconciler::try_create(CreateInjector action) {
  Endpoint& where = *endpoint(action.endpoint);
  // The start that the injector will belong to: read now, for the sidekick joins the namespace of now.
  const auto inspected = co_await where.inspect(action.target_id);
  if (!inspected) co_return fail(inspected.error());
  const auto target = where.containers().find(action.target_id);
  if (stopped_ || target == where.containers().end() || !target->second.up) co_return Result<>();
  action.target_started = target->second.started_at();
  const auto image = co_await ensure_image(where);
  if (!image) co_return fail(image.error());
  if (stopped_) co_return Result<>();
  auto entries = action.entries;
  const auto id = co_await create_container(where, action);
  if (!id) co_return fail(id.error());
  Runtime runtime;
  runtime.endpoint = action.endpoint;
  runtime.target_id = action.target_id;
  if (const auto since = needed_since_.find(action.target_id); since != needed_since_.end())
    runtime.needed_since = since->second;
  runtime.at_work = true;
  runtimes_[*id] = std::move(runtime);
  // Attached before it starts: its first word is not missed, and its program waits for it in its standard input.
  auto ready = co_await attach_link(where, *id);
  if (ready && !stopped_) {
    send_program(*id, std::move(entries));
    ready = co_await where.engine().start_container(*id);
  }
  if (ready && stopped_) ready = fail(ErrorCode::unavailable, "the service ends");
  if (!ready) {
    // It may run for all we know, with its program.
    (void)co_await discard(where, *id, "it could not be started in order");
    co_return fail(ready.error());
  }
  runtimes_[*id].connected_at = timing_.elapsed();
  busy_[action.target_id].started = true;
  wake();
  std::function<bool()> give_up = [this] { return stopped_; };
  const auto seen = co_await where.inspect_until_seen(*id, std::move(give_up));  // meanwhile its target is busy
  if (seen) injector_event("injector.created", action.endpoint, *id, "");
  co_return Result<>();
}

void Reconciler::close_link(const std::string& id) {
  const auto found = runtimes_.find(id);
  if (found == runtimes_.end() || !found->second.link) return;
  found->second.link->close();
  found->second.link.reset();
  found->second.sent_revision = 0;
}

// Until the engine says that it is gone: as long, its target is busy, and nobody is told that all is clean.
docker::Task<> Reconciler::discard(Endpoint& where, std::string id, std::string why) {
  close_link(id);
  std::function<bool()> give_up = [this] { return given_up_; };
  co_await where.remove_until_gone(id, std::move(give_up));
  journal_.gone(id, why);
  where.forget(id);
  runtimes_.erase(id);
  co_return Result<>();
}

docker::Task<> Reconciler::ensure_image(Endpoint& where) {
  if (image_present_[where.name()]) co_return Result<>();
  const auto present = co_await where.engine().has_image(options_.image.reference);
  if (!present) co_return fail(present.error());
  if (!*present) {
    const auto loaded = co_await where.engine().load_image(options_.image.tar);
    if (!loaded) co_return fail(context("loading the injector's image", loaded.error()));
  }
  image_present_[where.name()] = true;
  co_return Result<>();
}

docker::Task<std::string> Reconciler::create_container(Endpoint& where, CreateInjector action) {
  co_await hear_predecessors(where, action.target_id);
  // Names tell it as well, unless the target was renamed meanwhile.
  const auto alone = check_nobody_is_beside(where, action.target_id, options_.manager_id);
  if (!alone) co_return fail(alone.error());
  auto spec = injector_spec(action, options_.manager_id, options_.image.reference);
  auto id = co_await create_under_own_name(where, std::move(spec), options_.manager_id);
  // The image may have been pruned since.
  if (!id && id.error().code == ErrorCode::not_found) image_present_.erase(where.name());
  co_return id;
}

docker::Task<> Reconciler::attach_link(Endpoint& where, std::string id) {
  auto stream = co_await where.engine().attach(id);
  if (!stream) co_return fail(stream.error());
  InjectorLink::Handlers handlers;
  handlers.on_report = [this, name = where.name(), id](program::Report report) {
    on_report(name, id, std::move(report));
  };
  handlers.on_closed = [this, id](const std::string& why) {
    log::debug("the stream of injector {} ended: {}", id.substr(0, 12), why);
    if (const auto found = runtimes_.find(id); found != runtimes_.end()) {
      found->second.link.reset();
      found->second.sent_revision = 0;
    }
    wake();
  };
  auto link = std::make_shared<InjectorLink>(timing_, options_.lease, std::move(handlers));
  Runtime& runtime = runtimes_[id];
  runtime.endpoint = where.name();
  runtime.link = link;
  runtime.sent_revision = 0;
  runtime.connected_at = timing_.elapsed();
  link->start(std::move(*stream));
  co_return Result<>();
}

asio::awaitable<void> Reconciler::attach(AttachInjector action) {
  Endpoint& where = *endpoint(action.endpoint);
  const std::string target_id = label_of(where.containers().at(action.id).container(), label::target);
  runtimes_[action.id].endpoint = action.endpoint;
  runtimes_[action.id].target_id = target_id;
  runtimes_[action.id].catching_up_since = timing_.elapsed();
  const auto attached = co_await attach_link(where, action.id);
  if (attached) {
    runtimes_[action.id].unreached_since.reset();
    spawn(executor_, "reading what an injector has said", catch_up(action.endpoint, action.id));
  } else {
    co_await not_attached(where, action.id, attached.error());
  }
  busy_.erase(target_id);
  wake();
}

// Of one that the engine gave no answer about nothing is known: it may be well, and is of no use to anybody only when
// its lease is over.
asio::awaitable<void> Reconciler::not_attached(Endpoint& where, std::string id, Error error) {
  Runtime& runtime = runtimes_[id];
  runtime.catching_up_since.reset();
  const auto since = runtime.unreached_since.value_or(timing_.elapsed());
  const bool may_be_well = docker::is_in_doubt(error) && timing_.elapsed() < since + options_.lease;
  log::warn("{}: attaching to injector {}: {}; {}", where.name(), id.substr(0, 12), error.message,
            may_be_well ? "trying again" : "replacing it");
  if (may_be_well) {
    runtime.unreached_since = since;
    co_await timing_.sleep(first_backoff);
    co_return;
  }
  co_await hear_last_words(where, id);
  (void)co_await discard(where, id, "it could not be attached to");
}

asio::awaitable<void> Reconciler::remove(RemoveInjector action) {
  Endpoint& where = *endpoint(action.endpoint);
  log::info("{}: removing injector {}: {}", action.endpoint, action.id.substr(0, 12), action.reason);
  const bool unheard = is_unheard(action.id);
  if (const auto known = runtimes_.find(action.id); known != runtimes_.end())
    known->second.condemned |= known->second.awaits_answer();
  close_link(action.id);
  if (unheard) co_await hear_last_words(where, action.id);
  const auto removed = co_await where.engine().remove_container(action.id);
  if (removed || removed.error().code == ErrorCode::not_found) {
    const auto known = runtimes_.find(action.id);
    if (known == runtimes_.end() || !known->second.at_work) metrics_.orphan_removed();
    journal_.gone(action.id, action.reason);
    injector_event("injector.removed", action.endpoint, action.id, action.reason);
    where.forget(action.id);
    runtimes_.erase(action.id);
  } else {
    log::warn("{}: removing injector {}: {}", action.endpoint, action.id.substr(0, 12), removed.error().message);
    co_await timing_.sleep(first_backoff);
  }
  busy_.erase(action.target_id);
  wake();
}

void Reconciler::send_program(const std::string& id, std::vector<program::Entry> entries) {
  Runtime& runtime = runtimes_.at(id);
  if (!runtime.link) return;
  runtime.at_work |= !entries.empty();
  runtime.sent = std::move(entries);
  runtime.sent_revision = ++next_revision_;
  runtime.sent_at = timing_.elapsed();
  runtime.link->send(program::Program{runtime.sent_revision, runtime.sent});
}

void Reconciler::on_report(const std::string& endpoint_name, const std::string& id, program::Report report) {
  const Journal::Source source{endpoint_name, id};
  if (const auto found = runtimes_.find(id); found != runtimes_.end()) {
    if (found->second.silent) return;  // it thawed, but its end is decided
    found->second.heard_at = timing_.elapsed();
  }
  if (const auto* alive = std::get_if<program::Alive>(&report)) return journal_.progress(source, alive->faults);
  if (const auto* started = std::get_if<program::FaultStarted>(&report)) {
    // The state that comes next may get lost on its way.
    const auto found = runtimes_.find(id);
    if (found != runtimes_.end() && found->second.state) found->second.state->active.push_back(started->fault);
    journal_.started(source, *started);
  }
  if (const auto* ended = std::get_if<program::FaultEnded>(&report)) note_end(source, *ended);
  if (const auto* failed = std::get_if<program::FaultFailed>(&report)) journal_.failed_anew(source, *failed);
  if (const auto* log = std::get_if<program::Log>(&report))
    log::info("injector {}: {}", id.substr(0, 12), log->message);
  if (auto* state = std::get_if<program::State>(&report)) {
    const auto found = runtimes_.find(id);
    if (found == runtimes_.end()) return;
    journal_.holds(source, state->active);
    if (!found->second.state) injector_event("injector.ready", endpoint_name, id, state->message);
    found->second.state = std::move(*state);
    note_readiness(found->second);
    wake();
  }
  changed_.notify();
}

// Ready: it has answered to its program, the kernel was read back, nothing is wrong.
void Reconciler::note_readiness(Runtime& runtime) {
  if (!runtime.needed_since || runtime.awaits_answer()) return;
  if (!runtime.state->message.empty() || !runtime.state->failed.empty()) return;
  metrics_.injected(timing_.elapsed() - *runtime.needed_since);
  runtime.needed_since.reset();
}

void Reconciler::note_failure(const std::string& target_id, const std::string& target_name, const Error& error) {
  Failure& failure = failures_[target_id];
  if (failure.message != error.message) log::warn("an injector for {} can't be made: {}", target_name, error.message);
  failure.message = error.message;
  const Duration longest = error.code == ErrorCode::conflict ? longest_before_room : longest_backoff;
  failure.delay = std::min(std::max(failure.delay * 2, first_backoff), longest);
  failure.retry_at = timing_.elapsed() + failure.delay;
}

void Reconciler::injector_event(std::string type, const std::string& endpoint_name, const std::string& id,
                                std::string message) {
  Event event;
  event.type = std::move(type);
  event.endpoint = endpoint_name;
  const auto& known = endpoint(endpoint_name)->containers();
  event.data["injector"] = id;
  if (const auto found = runtimes_.find(id); found != runtimes_.end()) {
    if (const auto target = known.find(found->second.target_id); target != known.end()) {
      event.target = target->second.container().name;
    }
  }
  if (!message.empty()) event.data["message"] = std::move(message);
  journal_.event(std::move(event));
}

void Reconciler::pause(const std::string& injector_id, bool paused) {
  const auto found = runtimes_.find(injector_id);
  if (found == runtimes_.end() || !found->second.link) return;
  if (paused)
    found->second.link->send(program::Pause{});
  else
    found->second.link->send(program::Unpause{});
}

asio::awaitable<void> Reconciler::restart(std::string injector_id) {
  if (customs_.knows(injector_id)) co_return co_await customs_.restart(injector_id);
  const auto found = runtimes_.find(injector_id);
  if (found == runtimes_.end()) co_return;
  RemoveInjector action{found->second.endpoint, injector_id, found->second.target_id, "it is restarted by request"};
  if (!busy_.emplace(action.target_id, Busy{Busy::Doing::removing}).second) co_return;
  co_await remove(std::move(action));
}

InjectorView view_of(const ObservedInjector& injector, bool removing) {
  InjectorView view;
  view.id = injector.id;
  view.name = injector.name;
  view.endpoint = injector.endpoint;
  view.target_id = injector.target_id;
  for (const auto& entry : injector.sent) view.policies.push_back(entry.policy);
  if (injector.state) {
    view.backend = injector.state->backend;
    view.message = injector.state->message;
    if (view.message.empty() && !injector.state->failed.empty()) view.message = injector.state->failed.front().message;
    view.effects = injector.state->effects;
    for (const auto& fault : injector.state->active) {
      view.active.push_back({fault.policy, fault.failure, fault.window, fault.started});
    }
  }
  if (removing)
    view.state = InjectorState::removing;
  else if (!injector.state || !injector.attached)
    view.state = InjectorState::starting;
  else if (injector.silent || injector.state->backend == "none")
    view.state = InjectorState::failed;
  else if (injector.state->paused)
    view.state = InjectorState::paused;
  else
    view.state = InjectorState::running;
  return view;
}

}  // namespace entropy::control
