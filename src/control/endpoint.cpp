#include "control/endpoint.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/log.hpp"
#include "control/spawn.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration resync_period = 30s;
constexpr Duration first_backoff = 200ms;
constexpr Duration longest_backoff = 5s;

bool is_up(const std::string& state) { return state == "running" || state == "paused"; }

// Actions after which a container may look different. The many others (exec_*, attach) say nothing.
bool changes_container(const std::string& action) {
  static const std::set<std::string> actions = {"create", "start", "restart", "pause", "unpause", "rename", "update"};
  return actions.contains(action) || action.starts_with("health_status");
}

ObservedContainers::Shared observe(const std::string& endpoint, docker::Container container, std::string started_at,
                                   const docker::ContainerDetails* details) {
  ObservedContainer observed{endpoint, std::move(container), std::move(started_at)};
  if (details != nullptr) observed.health_output = details->health_output;
  return std::make_shared<const ObservedContainer>(std::move(observed));
}

}  // namespace

CachedContainer::CachedContainer(const std::string& endpoint, docker::Container container, std::string started_at,
                                 std::shared_ptr<const docker::ContainerDetails> details)
    : up(control::is_up(container.state)),
      observed_(observe(endpoint, std::move(container), std::move(started_at), details.get())),
      details_(std::move(details)),
      is_of_ours_(control::is_of_ours(observed_->container)),
      is_of_swarm_(!service_id(observed_->container).empty()) {}

Endpoint::Endpoint(std::string name, std::unique_ptr<docker::Engine> engine, Timing& timing, const Clock& clock,
                   Handlers handlers)
    : name_(std::move(name)),
      engine_(std::move(engine)),
      timing_(timing),
      clock_(clock),
      handlers_(std::move(handlers)),
      work_(timing) {}

asio::awaitable<void> Endpoint::run() {
  spawn(timing_.executor(), concat("refreshing ", name_), refresh_loop());
  co_await follow_events();
}

void Endpoint::stop() {
  stopped_ = true;
  work_.notify();
}

asio::awaitable<void> Endpoint::follow_events() {
  Duration backoff = first_backoff;
  while (!stopped_) {
    // Subscribed first, listed then: nothing falls between.
    std::function<void()> on_open = [this, &backoff] {
      backoff = first_backoff;
      following_ = list_due_ = true;
      work_.notify();
    };
    std::function<void(docker::Event)> handler = [this](const docker::Event& event) { on_event(event); };
    const auto ended = co_await engine_->events(std::move(on_open), std::move(handler));
    following_ = false;
    if (stopped_) co_return;
    set_lost(ended ? "the engine ended its event stream" : ended.error().message);
    co_await timing_.sleep(backoff);
    backoff = std::min(backoff * 2, longest_backoff);
  }
}

asio::awaitable<void> Endpoint::refresh_loop() {
  auto next_list = timing_.elapsed();
  Duration backoff = first_backoff;
  while (!stopped_) {
    const bool again = list_due_ || !dirty_.empty();  // for the engine gave no answer
    backoff = again ? std::min(backoff * 2, longest_backoff) : first_backoff;
    co_await work_.wait(again ? backoff : resync_period);
    if (stopped_) co_return;
    const auto now = timing_.elapsed();
    if (list_due_ || (!lost_ && now >= next_list)) {
      list_due_ = services_due_ = false;
      next_list = now + resync_period;
      const auto listed = co_await list_all();
      news_ = true;
      if (!listed) {
        set_lost(listed.error().message);
        list_due_ = following_;
      }
    }
    if (std::exchange(services_due_, false)) {
      co_await list_services();
      news_ = true;
    }
    co_await look_at_dirty();
    tell_news();
  }
}

asio::awaitable<void> Endpoint::look_at_dirty() {
  std::set<std::string> again;
  while (!dirty_.empty()) {
    const std::string id = *dirty_.begin();
    dirty_.erase(dirty_.begin());
    const auto inspected = co_await inspect(id);
    if (inspected || inspected.error().code == ErrorCode::not_found) continue;
    log::debug("{}: looking at {}: {}", name_, id.substr(0, 12), inspected.error().message);
    again.insert(id);
  }
  dirty_.merge(again);
}

docker::Task<> Endpoint::ask_info() {
  const auto asked = timing_.elapsed();
  auto info = co_await engine_->info();
  if (!info) co_return fail(info.error());
  info_ = std::move(*info);
  skew_.reset();
  if (!info_->clock) co_return Result<>();
  // It read its clock at some time in between: what that explains is no difference.
  const auto took = timing_.elapsed() - asked;
  const auto ahead = *info_->clock - clock_.now() + took / 2;
  skew_ = std::max<Duration>(std::chrono::abs(ahead) - took / 2, Duration::zero());
  if (ahead < Duration::zero()) skew_ = -*skew_;
  co_return Result<>();
}

docker::Task<> Endpoint::list_all() {
  // Services first: no container is shown without the labels of its service, which may protect it.
  (void)co_await ask_info();
  co_await list_services();
  std::vector<std::string> any_label;
  const std::uint64_t asked = ++moment_;
  const auto asked_at = timing_.elapsed();
  auto listed = co_await engine_->list_containers(true, std::move(any_label));
  if (!listed) co_return fail(listed.error());
  take_list(std::move(*listed), asked);
  listed_at_ = asked_at;
  if (lost_) log::info("{}: connected", name_);
  lost_.reset();
  if (!known_since_) known_since_ = timing_.elapsed();
  asked_ = true;
  co_return Result<>();
}

// What it can't tell now is no reason to give up the containers: what was known of services holds.
asio::awaitable<void> Endpoint::list_services() {
  std::vector<docker::SwarmService> services;
  if (info_ && info_->swarm.manager) {
    auto listed = co_await engine_->list_services();
    if (!listed) {
      services_error_ = listed.error().message;
      co_return;
    }
    services = std::move(*listed);
  }
  services_error_.reset();
  take_services(std::move(services));
}

void Endpoint::take_services(std::vector<docker::SwarmService> services) {
  Services fresh;
  for (auto& service : services) {
    const std::string id = service.id;
    fresh.emplace(id, std::move(service));
  }
  // A removed service's containers take their time to stop; it goes with the last of them.
  for (const auto& [id, cached] : containers_) {
    const auto removed = services_.find(service_id(cached.container()));
    if (removed != services_.end() && cached.up) fresh.insert(*removed);
  }
  services_ = std::move(fresh);
}

// Until it is looked at, what was known of it holds.
CachedContainer Endpoint::cached_from(docker::Container listed) const {
  const auto known = containers_.find(listed.id);
  if (known == containers_.end()) return {name_, std::move(listed)};
  if (known->second.container() != listed)
    return {name_, std::move(listed), known->second.started_at(), known->second.details()};
  CachedContainer same = known->second;
  same.up = is_up(listed.state);
  return same;
}

void Endpoint::take_list(std::vector<docker::Container> containers, std::uint64_t asked) {
  std::map<std::string, CachedContainer> fresh;
  std::set<std::string> owners;
  for (auto& container : containers) {
    if (is_injector(container)) owners.insert(label_of(container, label::target));
    if (const auto owner = docker::joined_container(container); !owner.empty()) {
      owners.insert(container.id);
      owners.emplace(owner);
    }
    if (watched_.contains(container.id)) dirty_.insert(container.id);
    const std::string id = container.id;
    fresh.emplace(id, cached_from(std::move(container)));
  }
  // A start that was missed while the stream was down is found by looking: only owners of a namespace with an
  // injector in it, or with guests, can be mistaken, and these guests.
  for (const auto& id : owners) {
    const auto owner = fresh.find(id);
    if (owner != fresh.end() && owner->second.up) dirty_.insert(id);
  }
  for (const auto& [id, moment] : heard_) {
    if (moment <= asked) continue;
    if (const auto known = containers_.find(id); known != containers_.end())
      fresh.insert_or_assign(id, std::move(known->second));
    dirty_.insert(id);
  }
  std::erase_if(heard_, [&](const auto& entry) { return entry.second <= asked && !fresh.contains(entry.first); });
  containers_ = std::move(fresh);
}

bool Endpoint::is_outdated(const std::string& id, std::uint64_t asked) const {
  const auto heard = heard_.find(id);
  return heard != heard_.end() && heard->second > asked;
}

docker::Task<> Endpoint::inspect(std::string id) {
  constexpr int most_attempts = 10;
  std::uint64_t asked = ++moment_;
  auto details = co_await engine_->inspect_container(id);
  for (int attempt = 1; is_outdated(id, asked) && attempt < most_attempts; ++attempt) {
    asked = ++moment_;
    details = co_await engine_->inspect_container(id);
  }
  if (is_outdated(id, asked)) {
    look_at(id);
    co_return fail(ErrorCode::conflict, "it is changing");
  }
  if (!details) {
    if (details.error().code == ErrorCode::not_found) forget(id);
    co_return fail(details.error());
  }
  const std::string service = service_id(details->container);
  if (!service.empty() && !services_.contains(service)) co_await list_services();
  docker::Container container = std::move(details->container);
  std::string started_at = details->started_at;
  CachedContainer cached(name_, std::move(container), std::move(started_at),
                         std::make_shared<const docker::ContainerDetails>(std::move(*details)));
  if (const auto known = containers_.find(id); known != containers_.end()) note_change(known->second);
  note_change(cached);
  containers_.insert_or_assign(id, std::move(cached));
  heard_[id] = asked;
  seen(id);
  co_return Result<>();
}

docker::Task<std::string> Endpoint::create(docker::ContainerSpec spec) {
  auto id = co_await engine_->create_container(std::move(spec));
  if (!id && docker::is_in_doubt(id.error())) {
    const Duration late = id.error().code == ErrorCode::timeout ? longest_way : Duration::zero();
    creation_in_doubt_until_ = std::max(creation_in_doubt_until_, timing_.elapsed() + late);
  }
  co_return id;
}

docker::Task<> Endpoint::inspect_until_seen(std::string id, std::function<bool()> give_up) {
  auto seen = co_await inspect(id);
  while (!seen && seen.error().code != ErrorCode::not_found && !give_up()) {
    co_await timing_.sleep(first_backoff);
    seen = co_await inspect(id);
  }
  co_return seen;
}

asio::awaitable<void> Endpoint::remove_until_gone(std::string id, std::function<bool()> give_up) {
  constexpr Duration pause = 500ms;
  while (true) {
    const auto removed = co_await engine_->remove_container(id);
    if (removed || removed.error().code == ErrorCode::not_found) co_return forget(id);
    log::warn("{}: removing {}: {}", name_, id.substr(0, 12), removed.error().message);
    if (give_up()) co_return;
    co_await timing_.sleep(pause);
  }
}

void Endpoint::note_change(const CachedContainer& container) { news_ = news_ || handlers_.concerns(*this, container); }

void Endpoint::tell_news() {
  if (std::exchange(news_, false)) handlers_.on_change();
}

void Endpoint::forget(const std::string& id) {
  if (const auto known = containers_.find(id); known != containers_.end()) note_change(known->second);
  containers_.erase(id);
  heard_[id] = ++moment_;
  seen(id);
}

void Endpoint::look_at(const std::string& id) {
  dirty_.insert(id);
  unseen_.insert(id);
  work_.notify();
}

// Unless something was heard of it meanwhile.
void Endpoint::seen(const std::string& id) {
  if (!dirty_.contains(id)) unseen_.erase(id);
}

void Endpoint::on_event(const docker::Event& event) {
  if (event.type == "network" && (event.action == "connect" || event.action == "disconnect")) {
    const auto container = event.attributes.find("container");
    if (container != event.attributes.end()) look_at(container->second);
    return;
  }
  if (event.type == "service" || event.type == "node") {
    const bool known_manager = info_ && info_->swarm.manager;
    (event.type == "service" && known_manager ? services_due_ : list_due_) = true;  // or its role is another now
    work_.notify();
    return;
  }
  if (event.type != "container") return;
  if (event.action == "oom") {
    note_end(event);
    tell_news();
  } else if (event.action == "die") {
    note_end(event);
    heard_[event.id] = ++moment_;
    if (const auto known = containers_.find(event.id); known != containers_.end()) known->second.up = false;
    tell_news();
  } else if (event.action == "destroy") {
    forget(event.id);
    tell_news();
  } else if (changes_container(event.action)) {
    heard_[event.id] = ++moment_;
    look_at(event.id);
  }
}

// One that came and went before anybody looked is known by what the event says: its labels are among the attributes.
void Endpoint::note_end(const docker::Event& event) {
  constexpr std::size_t most = 256;
  constexpr Duration longest = 1min;
  const auto text = [&](const char* key) {
    const auto found = event.attributes.find(key);
    return found == event.attributes.end() ? std::string() : found->second;
  };
  const auto known = containers_.find(event.id);
  docker::Container told;
  if (known == containers_.end()) {
    told.id = event.id;
    told.name = text("name");
    told.image = text("image");
    told.labels = event.attributes;
  }
  const CachedContainer container =
      known == containers_.end() ? CachedContainer(name_, std::move(told)) : known->second;
  note_change(container);
  if (container.is_of_ours()) return;
  EndedContainer ended{container};
  ended.at = timing_.elapsed();
  ended.exit_code = static_cast<int>(parse_unsigned(text("exitCode")).value_or(0));
  ended.out_of_memory = event.action == "oom";
  ended_.push_back(std::move(ended));
  while (ended_.size() > most || ended_.front().at < timing_.elapsed() - longest) ended_.pop_front();
}

void Endpoint::set_lost(std::string why) {
  if (lost_ != why) log::warn("{}: {}", name_, why);
  lost_ = std::move(why);
  asked_ = true;
  handlers_.on_change();
}

Endpoint* find_endpoint(const std::vector<std::unique_ptr<Endpoint>>& endpoints, std::string_view name) {
  const auto found = std::ranges::find_if(endpoints, [&](const auto& each) { return each->name() == name; });
  return found == endpoints.end() ? nullptr : found->get();
}

ObservedContainers::Shared with_service(const CachedContainer& cached,
                                        const std::vector<std::unique_ptr<Endpoint>>& endpoints) {
  if (!cached.is_of_swarm()) return cached.observed();
  ObservedContainer observed = *cached.observed();
  for (const bool lost : {false, true}) {
    for (const auto& each : endpoints) {
      if (each->lost().has_value() != lost) continue;
      add_service_labels(observed.container, each->services());
      if (observed.service_addresses.empty()) {
        observed.service_addresses = service_addresses(observed.container, each->services());
      }
    }
  }
  return std::make_shared<const ObservedContainer>(std::move(observed));
}

}  // namespace entropy::control
