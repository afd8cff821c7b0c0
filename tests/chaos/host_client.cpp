#include "chaos/host_client.hpp"

#include "base/text.hpp"

namespace entropy::chaos {
namespace {

using namespace std::chrono_literals;

constexpr Duration call_timeout = 30s;
constexpr Duration for_ever = 24h * 365;

std::unexpected<Error> out_of_reach() { return fail(ErrorCode::unavailable, "connection refused"); }

class HostStream final : public docker::AttachStream {
 public:
  HostStream(Host& host, Agenda& agenda, Dice& dice, const Weather& weather, control::Timing& timing,
             std::shared_ptr<Life> life, std::string id)
      : host_(host),
        agenda_(agenda),
        dice_(dice),
        weather_(weather),
        life_(std::move(life)),
        id_(std::move(id)),
        channel_(host.attach(id_)),
        readable_(timing) {
    channel_->notify = [this, of = life_] {
      if (!of->dead) readable_.notify();
    };
  }
  ~HostStream() override {
    channel_->notify = nullptr;
    channel_->cut = true;
  }
  HostStream(const HostStream&) = delete;
  HostStream& operator=(const HostStream&) = delete;

  docker::Task<Output> read() override {
    // As the real one, it may go while it is read from.
    const auto channel = channel_;
    while (channel->arrived.empty()) {
      if (channel->cut) co_return fail(ErrorCode::unavailable, "the container's stream has ended");
      co_await readable_.wait(for_ever);
    }
    Output output{false, std::move(channel->arrived.front())};
    channel->arrived.pop_front();
    co_return output;
  }

  docker::Task<> write(std::string bytes) override {
    if (life_->dead || channel_->cut) co_return fail(ErrorCode::unavailable, "broken pipe");
    const bool half = dice_.chance(weather_.cut);
    const Duration at = std::max(channel_->last_departure, agenda_.elapsed() + dice_.between(100us, 2ms));
    channel_->last_departure = at;
    if (half) bytes.resize(bytes.size() / 2);
    agenda_.after(at - agenda_.elapsed(), [host = &host_, channel = channel_, id = id_, bytes, half] {
      host->input(id, bytes);
      if (half) host->cut(channel);
    });
    co_return Result<>();
  }

  void close() override { host_.cut(channel_); }

 private:
  Host& host_;
  Agenda& agenda_;
  Dice& dice_;
  const Weather& weather_;
  std::shared_ptr<Life> life_;
  std::string id_;
  std::shared_ptr<Channel> channel_;
  control::Signal readable_;
};

}  // namespace

HostClient::HostClient(Host& host, Agenda& agenda, Dice& dice, const Weather& weather, control::Timing& timing,
                       std::shared_ptr<Life> life)
    : host_(host), agenda_(agenda), dice_(dice), weather_(weather), timing_(timing), life_(std::move(life)) {}

HostClient::~HostClient() {
  if (subscription_) subscription_->ended = true;
}

Duration HostClient::travel_time() {
  return dice_.chance(weather_.slow) ? dice_.between(10ms, weather_.slowest) : dice_.between(200us, 3ms);
}

// The engine acts when the request is there, whatever has become of the manager by then.
template <class T>
docker::Task<T> HostClient::call(std::function<Result<T>()> effect) {
  struct Exchange {
    Result<T> answer = fail(ErrorCode::timeout, "no answer in time");
  };
  const auto exchange = std::make_shared<Exchange>();
  const bool kills = life_->calls_left && (*life_->calls_left)-- == 0;
  if (kills && !life_->afterwards) life_->dead = true;
  if (life_->dead) co_await timing_.sleep(for_ever);
  const Duration there = travel_time();
  const Duration back = travel_time();
  const bool refused = dice_.chance(weather_.refused);
  const bool unanswered = dice_.chance(weather_.unanswered);
  agenda_.after(there, [exchange, effect, kills, life = life_, host = &host_, refused, unanswered] {
    if (host->is_down()) {
      exchange->answer = out_of_reach();
    } else if (refused) {
      exchange->answer = fail(ErrorCode::internal, "500 Internal Server Error");
    } else {
      exchange->answer = effect();
      if (unanswered) exchange->answer = fail(ErrorCode::unavailable, "the connection was cut");
    }
    if (kills) life->dead = true;
  });
  const Duration wait = std::min(there + back, call_timeout);
  co_await timing_.sleep(wait);
  if (there >= call_timeout) co_return fail(ErrorCode::timeout, "no answer in time");
  co_return std::move(exchange->answer);
}

docker::Task<> HostClient::change(std::string id, std::function<Result<>(Host&)> effect) {
  return call<void>([host = &host_, life = life_, id, effect] {
    const HostContainer* it = host->find(id);
    const std::string owner = it == nullptr ? "" : manager_of(*it);
    if (!owner.empty() && owner != life->manager)
      host->on_trespass(concat(life->manager, " lays hands on ", id, ", which is ", owner, "'s"));
    return effect(*host);
  });
}

docker::Task<> HostClient::ping() {
  return call<void>([] { return Result<>(); });
}

docker::Task<docker::EngineInfo> HostClient::info() {
  return call<docker::EngineInfo>([host = &host_] {
    docker::EngineInfo info;
    info.clock = host->clock().now();
    return info;
  });
}

docker::Task<std::vector<docker::Container>> HostClient::list_containers(bool all, std::vector<std::string>) {
  return call<std::vector<docker::Container>>([host = &host_, all] {
    std::vector<docker::Container> rows;
    for (const auto& [id, it] : host->containers()) {
      if (all || it.container.state == "running") rows.push_back(it.container);
    }
    return rows;
  });
}

docker::Task<docker::ContainerDetails> HostClient::inspect_container(std::string id) {
  return call<docker::ContainerDetails>([host = &host_, id]() -> Result<docker::ContainerDetails> {
    const HostContainer* it = host->find(id);
    if (it == nullptr) return fail(ErrorCode::not_found, concat("No such container: ", id));
    docker::ContainerDetails details;
    details.container = it->container;
    details.created = it->created;
    details.started_at = it->started_at;
    details.limits = it->limits;
    return details;
  });
}

docker::Task<std::string> HostClient::create_container(docker::ContainerSpec spec) {
  return call<std::string>([host = &host_, spec]() -> Result<std::string> {
    if (!host->images.contains(spec.image)) return fail(ErrorCode::not_found, concat("No such image: ", spec.image));
    return host->create(spec);
  });
}

docker::Task<> HostClient::start_container(std::string id) {
  return change(id, [id](Host& host) { return host.start(id); });
}

docker::Task<> HostClient::stop_container(std::string id, Duration) {
  return change(id, [id](Host& host) { return host.stop(id); });
}

docker::Task<> HostClient::kill_container(std::string id, std::string) {
  return change(id, [id](Host& host) { return host.die(id); });
}

docker::Task<> HostClient::restart_container(std::string id, Duration) {
  return change(id, [id](Host& host) {
    (void)host.die(id);
    return host.start(id);
  });
}

docker::Task<> HostClient::pause_container(std::string id) {
  return change(id, [id](Host& host) { return host.freeze(id, true); });
}

docker::Task<> HostClient::unpause_container(std::string id) {
  return change(id, [id](Host& host) { return host.freeze(id, false); });
}

docker::Task<> HostClient::update_container(std::string id, docker::Limits limits) {
  return change(id, [id, limits](Host& host) { return host.update(id, limits); });
}

docker::Task<docker::Usage> HostClient::container_usage(std::string) {
  return call<docker::Usage>([]() -> Result<docker::Usage> { return docker::Usage{}; });
}

docker::Task<> HostClient::remove_container(std::string id, bool) {
  return change(id, [id](Host& host) { return host.remove(id); });
}

docker::Task<> HostClient::logs(std::string id, bool, std::size_t tail, std::function<bool(std::string_view)> sink) {
  auto read = co_await call<std::string>([host = &host_, id, tail]() -> Result<std::string> {
    const HostContainer* it = host->find(id);
    if (it == nullptr) return fail(ErrorCode::not_found, concat("No such container: ", id));
    std::string text;
    const std::size_t from = tail > it->log.size() ? 0 : it->log.size() - tail;
    for (std::size_t i = from; i < it->log.size(); ++i) text += it->log[i];
    return text;
  });
  if (!read) co_return fail(read.error());
  sink(*read);
  co_return Result<>();
}

docker::Task<std::unique_ptr<docker::AttachStream>> HostClient::attach(std::string id) {
  auto there = co_await change(id, [id](Host& host) -> Result<> {
    const HostContainer* it = host.find(id);
    if (it == nullptr) return fail(ErrorCode::not_found, concat("No such container: ", id));
    if (it->container.state == "exited") return fail(ErrorCode::conflict, "it is not running");
    return {};
  });
  if (!there) co_return fail(there.error());
  if (host_.is_down() || host_.find(id) == nullptr) co_return out_of_reach();
  co_return std::make_unique<HostStream>(host_, agenda_, dice_, weather_, timing_, life_, id);
}

docker::Task<bool> HostClient::has_image(std::string reference) {
  return call<bool>([host = &host_, reference] { return host->images.contains(reference); });
}

docker::Task<docker::ImageDetails> HostClient::inspect_image(std::string reference) {
  return call<docker::ImageDetails>([reference]() -> Result<docker::ImageDetails> {
    return fail(ErrorCode::not_found, concat("No such image: ", reference));
  });
}

docker::Task<std::vector<docker::ImageDetails>> HostClient::list_images(std::vector<std::string>) {
  return call<std::vector<docker::ImageDetails>>([] { return std::vector<docker::ImageDetails>(); });
}

docker::Task<> HostClient::pull_image(std::string reference) {
  return call<void>(
      [reference]() -> Result<> { return fail(ErrorCode::unavailable, concat("no registry has ", reference)); });
}

docker::Task<std::vector<docker::SwarmService>> HostClient::list_services() {
  return call<std::vector<docker::SwarmService>>([] { return std::vector<docker::SwarmService>(); });
}

docker::Task<> HostClient::load_image(std::string) {
  return call<void>([host = &host_] {
    host->images.insert("entropy-injector:chaos");
    return Result<>();
  });
}

docker::Task<> HostClient::events(std::function<void()> on_open, std::function<void(docker::Event)> on_event) {
  control::Signal over(timing_);
  const auto subscription = std::make_shared<Subscription>();
  subscription->on_event = [life = life_, on_event](docker::Event event) {
    if (!life->dead) on_event(std::move(event));
  };
  subscription->on_end = [life = life_, &over] {
    if (!life->dead) over.notify();
  };
  subscription_ = subscription;
  const auto there = co_await call<void>([host = &host_, subscription] {
    host->subscribe(subscription);
    return Result<>();
  });
  if (!there) {
    subscription->ended = true;
    co_return fail(there.error());
  }
  if (!subscription->ended) {
    on_open();
    co_await over.wait(for_ever);
  }
  subscription->ended = true;
  co_return fail(ErrorCode::unavailable, "the event stream was cut");
}

}  // namespace entropy::chaos
