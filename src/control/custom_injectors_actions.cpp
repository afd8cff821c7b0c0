// What custom injectors cost of an engine's calls: made, followed, ended, removed.

#include "base/text.hpp"
#include "control/custom_injectors.hpp"
#include "control/labels.hpp"
#include "control/log.hpp"
#include "control/own_name.hpp"
#include "control/spawn.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration grace = 5s;  // from SIGTERM to SIGKILL
constexpr Duration another_try = 1s;
constexpr int killed = 128 + 9;

}  // namespace

asio::awaitable<void> CustomInjectors::pause(Duration time) { co_await context_.timing.sleep(time); }

asio::awaitable<void> CustomInjectors::create(CustomRun run) {
  const CustomPlace place{run.endpoint, run.fault.policy, run.target_id};
  const std::string content = content_of(run.key);
  const std::string target = run.target_name;
  const auto created = co_await try_create(std::move(run));
  if (!created) {
    log::warn("a custom injector for {} can't be made: {}", target, created.error().message);
    note_trouble(place, content, created.error().message);
  }
  busy_.erase(place);
  context_.wake();
}

docker::Task<> CustomInjectors::try_create(CustomRun run) {
  Endpoint& where = endpoint(run.endpoint);
  const auto image = co_await ensure_image(where, run);
  if (!image) co_return fail(image.error());
  // The start that it will belong to: read now, for it joins the namespace of now.
  const auto inspected = co_await where.inspect(run.target_id);
  if (!inspected) co_return fail(inspected.error());
  const auto target = where.containers().find(run.target_id);
  const bool up = target != where.containers().end() && target->second.up;
  if (!up || stopped_ || context_.clock.now() >= run.until) co_return Result<>();
  run.target_started = target->second.started_at();
  co_return co_await run_container(where, std::move(run));
}

docker::Task<> CustomInjectors::ensure_image(Endpoint& where, CustomRun run) {
  const std::string& image = run.custom.image;
  const auto present = co_await where.engine().has_image(image);
  if (!present) co_return fail(present.error());
  if (*present) co_return Result<>();
  log::info("{}: pulling the image {}", where.name(), image);
  note_trouble({run.endpoint, run.fault.policy, run.target_id}, content_of(run.key),
               concat("the image ", image, " is not there yet: it is being pulled"));
  const auto pulled = co_await where.engine().pull_image(image);
  if (pulled) co_return Result<>();
  co_return fail(context(concat("the image ", image, " is not there and can't be pulled"), pulled.error()));
}

docker::Task<> CustomInjectors::run_container(Endpoint& where, CustomRun run) {
  auto spec = custom_spec(run, context_.manager_id);
  const auto id = co_await create_under_own_name(where, std::move(spec), context_.manager_id);
  if (!id) co_return fail(context(concat("the image ", run.custom.image), id.error()));
  Result<> started = fail(ErrorCode::unavailable, "the service ends");
  if (!stopped_) started = co_await where.engine().start_container(*id);
  if (!started) {
    std::function<bool()> give_up = [this] { return stopped_; };
    co_await where.remove_until_gone(*id, std::move(give_up));
    co_return fail(context(concat("starting the image ", run.custom.image), started.error()));
  }
  Run made{run.endpoint, run.target_id, run.target_name, content_of(run.key), run.fault};
  made.followed = true;
  made.followed_at = context_.clock.now();
  event("injector.created", *id, made);
  runs_.insert_or_assign(*id, std::move(made));
  std::function<bool()> give_up = [this] { return stopped_; };
  (void)co_await where.inspect_until_seen(*id, std::move(give_up));  // meanwhile its place is busy
  spawn(context_.timing.executor(), "following a custom injector", follow(run.endpoint, *id));
  co_return Result<>();
}

asio::awaitable<void> CustomInjectors::follow(std::string endpoint_name, std::string id) {
  Endpoint& where = endpoint(endpoint_name);
  find(id)->reader = {};
  // From its first word on, also where another service has followed it before.
  const auto sink = [this, id](std::string_view bytes) {
    hear(id, bytes);
    return runs_.contains(id);
  };
  const auto read = co_await where.engine().logs(id, true, docker::whole_log, sink);
  if (read) co_await conclude(endpoint_name, id);
  Run* run = find(id);
  if (run == nullptr || run->ended) co_return;
  // The engine is away, or its log has an end of its own.
  if (!read) log::debug("following custom injector {}: {}", id.substr(0, 12), read.error().message);
  co_await pause(another_try);
  run = find(id);
  if (run != nullptr) run->followed = false;
  context_.wake();
}

asio::awaitable<void> CustomInjectors::conclude(std::string endpoint_name, std::string id) {
  Endpoint& where = endpoint(endpoint_name);
  const auto details = co_await where.engine().inspect_container(id);
  Run* run = find(id);
  if (run == nullptr || run->ended) co_return;
  if (!details && details.error().code == ErrorCode::not_found) {
    context_.journal.gone(id, "its container was removed");
    runs_.erase(id);
    where.forget(id);
    co_return context_.wake();
  }
  if (!details || details->container.state == "running" || details->container.state == "paused") co_return;
  record_end(id, *run, *details);
  run->ended = true;
  context_.wake();
}

void CustomInjectors::record_end(const std::string& id, Run& run, const docker::ContainerDetails& details) {
  if (details.container.state == "created") {  // by a service that died before it could start it
    run.failed = true;
    return;
  }
  if (details.exit_code == 0) {
    if (!run.said && !run.has_header) begin(id, run, "it ran, without a header");
    if (!run.said) return give_up(id, run, "it ended without having started its fault");
    end(id, run, run.ending ? "" : "the image ended by itself");
    if (!run.failed) troubles_.erase({run.fault.policy, run.target_id});
    return;
  }
  std::string message = concat("it ended with exit code ", details.exit_code);
  if (details.oom_killed)
    message = "it ran out of memory and was killed";
  else if (details.exit_code == killed && run.ending)
    message = concat("it did not end within ", entropy::to_string(grace), " of SIGTERM and was killed");
  if (!run.last_words.empty()) append(message, concat(": ", join(run.last_words, " | ")));
  give_up(id, run, std::move(message));
}

asio::awaitable<void> CustomInjectors::stop(std::string endpoint_name, std::string id) {
  Endpoint& where = endpoint(endpoint_name);
  const CustomPlace place{endpoint_name, known(endpoint_name, id).fault.policy, known(endpoint_name, id).target_id};
  known(endpoint_name, id).ending = true;
  const auto stopped = co_await where.engine().stop_container(id, grace);
  if (!stopped) log::warn("{}: ending {}: {}", endpoint_name, id.substr(0, 12), stopped.error().message);
  // Its last words are still on their way to `follow`, which concludes.
  for (int i = 0; i < 50; ++i) {
    const Run* run = find(id);
    if (run == nullptr || run->ended) break;
    co_await pause(20ms);
  }
  co_await conclude(endpoint_name, id);
  busy_.erase(place);
  context_.wake();
}

asio::awaitable<void> CustomInjectors::remove(std::string endpoint_name, std::string id) {
  Endpoint& where = endpoint(endpoint_name);
  const Run gone = known(endpoint_name, id);
  const auto removed = co_await where.engine().remove_container(id);
  if (removed || removed.error().code == ErrorCode::not_found) {
    context_.journal.gone(id, "its container was removed");
    event("injector.removed", id, gone);
    where.forget(id);
    runs_.erase(id);
  } else {
    log::warn("{}: removing {}: {}", endpoint_name, id.substr(0, 12), removed.error().message);
    co_await pause(another_try);
  }
  busy_.erase({endpoint_name, gone.fault.policy, gone.target_id});
  context_.wake();
}

asio::awaitable<void> CustomInjectors::finish(std::string endpoint_name, std::string id) {
  co_await stop(endpoint_name, id);
  if (runs_.contains(id)) co_await remove(endpoint_name, id);
}

asio::awaitable<void> CustomInjectors::restart(std::string id) {
  const Run* run = find(id);
  if (run == nullptr || !occupy({run->endpoint, run->fault.policy, run->target_id}, false)) co_return;
  troubles_.erase({run->fault.policy, run->target_id});
  co_await finish(run->endpoint, id);
}

asio::awaitable<void> CustomInjectors::shut_down(Duration within) {
  stopped_ = true;
  const auto deadline = context_.timing.elapsed() + within;
  auto under_way = std::make_shared<std::size_t>(0);
  auto finish_one = [](CustomInjectors* self, std::string endpoint_name, std::string id,
                       std::shared_ptr<std::size_t> count) -> asio::awaitable<void> {
    co_await self->finish(std::move(endpoint_name), std::move(id));
    --*count;
  };
  for (const auto& custom : all()) {
    ++*under_way;
    spawn(context_.timing.executor(), "ending a custom injector",
          finish_one(this, custom.endpoint, custom.id, under_way));
  }
  while ((*under_way > 0 || on_its_way("")) && context_.timing.elapsed() < deadline) co_await pause(20ms);
}

}  // namespace entropy::control
