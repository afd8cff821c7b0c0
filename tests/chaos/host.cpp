#include "chaos/host.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "control/log.hpp"

namespace entropy::chaos {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view joined = "container:";

std::unexpected<Error> no_such(const std::string& id) {
  return fail(ErrorCode::not_found, concat("No such container: ", id));
}

bool is_up(const HostContainer& it) { return it.container.state == "running" || it.container.state == "paused"; }

}  // namespace

std::string manager_of(const HostContainer& it) {
  const auto found = it.container.labels.find("entropy.manager");
  return found == it.container.labels.end() ? "" : found->second;
}

Host::Host(std::string name, Agenda& agenda, Dice& dice, const Weather& weather)
    : name_(std::move(name)), agenda_(agenda), clock_(agenda), dice_(dice), weather_(weather) {}

HostContainer* Host::find(const std::string& id_or_name) {
  if (const auto found = containers_.find(id_or_name); found != containers_.end()) return &found->second;
  for (auto& [id, it] : containers_) {
    if (it.container.name == id_or_name) return &it;
  }
  return nullptr;
}

std::vector<std::string> Host::ids(bool injectors, std::string_view state) const {
  std::vector<std::string> ids;
  for (const auto& [id, it] : containers_) {
    if (it.container.labels.contains("entropy.injector") != injectors) continue;
    if (state.empty() || it.container.state == state) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> Host::injectors_of(const std::string& manager, std::string_view state) const {
  auto all = ids(true, state);
  std::erase_if(all, [&](const auto& id) { return manager_of(containers_.at(id)) != manager; });
  return all;
}

Result<std::string> Host::create(const docker::ContainerSpec& spec) {
  if (find(spec.name) != nullptr) return fail(ErrorCode::conflict, concat("the name ", spec.name, " is taken"));
  if (spec.network_mode.starts_with(joined) && find(spec.network_mode.substr(joined.size())) == nullptr)
    return no_such(spec.network_mode.substr(joined.size()));
  const std::string number = std::to_string(++count_);
  HostContainer it;
  it.container.id = concat(name_, "-", std::string(6 - number.size(), '0'), number);
  it.container.name = spec.name;
  it.container.state = "created";
  it.created = clock_.now();
  it.container.labels = spec.labels;
  it.container.network_mode = spec.network_mode;
  it.auto_remove = spec.auto_remove;
  const std::string id = it.container.id;
  containers_.emplace(id, std::move(it));
  tell("container", "create", id);
  return id;
}

Result<> Host::start(const std::string& id) {
  HostContainer* it = find(id);
  if (it == nullptr) return no_such(id);
  if (is_up(*it)) return {};
  const std::string own = concat(id, "/", it->starts + 1);
  if (it->container.network_mode.starts_with(joined)) {
    const HostContainer* owner = find(it->container.network_mode.substr(joined.size()));
    if (owner == nullptr) return no_such("the owner of its network");
    if (!is_up(*owner)) return fail(ErrorCode::conflict, "cannot join network of a non running container");
    it->network_namespace = owner->network_namespace;
  } else {
    it->network_namespace = own;
  }
  ++it->starts;
  // By a clock that never jumps; of two starts at one instant each has its own time.
  it->started_at = to_rfc3339(Time(agenda_.elapsed() + Duration(++starts_)));
  it->container.state = "running";
  it->harm.erase("stopped");
  tell("container", "start", id);
  if (it->container.labels.contains("entropy.injector")) run_injector(*it);
  return {};
}

void Host::run_injector(HostContainer& it) {
  const std::string id = it.container.id;
  InjectorProcess::Surroundings surroundings;
  surroundings.on_output = [this, id](const std::string& line) { output(id, line); };
  surroundings.on_exit = [this, id] { (void)die(id); };
  surroundings.on_started = [this](const program::Fault& fault) { on_fault_started(fault); };
  surroundings.refuses = [this, id](const kernel::State& wanted) { return refuses(id, wanted); };
  it.process = std::make_unique<InjectorProcess>(agenda_, clock_, std::move(surroundings));
  it.process->start();
  it.process->input(std::exchange(it.input, {}));
}

void Host::set_clock(Duration ahead) {
  clock_.ahead = ahead;
  std::vector<std::string> running;  // some may end over it
  for (const auto& [id, it] : containers_) {
    if (it.process) running.push_back(id);
  }
  for (const auto& id : running) {
    HostContainer* it = find(id);
    if (it != nullptr && it->process) it->process->clock_was_set();
  }
}

// Tables have one owner: as long as another process has any in the namespace, the kernel gives us none.
std::optional<Error> Host::refuses(const std::string& id, const kernel::State& wanted) {
  if (wanted.empty()) return std::nullopt;
  const auto& own = containers_.at(id).network_namespace;
  for (const auto& [other, it] : containers_) {
    if (other == id || !it.process || it.network_namespace != own || it.process->held().empty()) continue;
    return Error{ErrorCode::conflict, concat("the tables belong to ", it.container.name), {}};
  }
  if (dice_.chance(weather_.kernel_refuses)) return Error{ErrorCode::internal, "the kernel has no memory", {}};
  return std::nullopt;
}

Result<> Host::die(const std::string& id) {
  HostContainer* it = find(id);
  if (it == nullptr) return no_such(id);
  if (!is_up(*it)) return {};
  bury(*it);
  it->container.state = "exited";
  it->harm.erase("paused");
  tell("container", "die", id);
  if (it->auto_remove) agenda_.after(dice_.between(1ms, 200ms), [this, id] { (void)remove(id); });
  return {};
}

// What it held is gone with it; its output ends.
void Host::bury(HostContainer& it) {
  if (it.process) {
    past_[it.container.id] = it.process->last_held();
    it.process->end();
    // Its own code may be what ends it.
    agenda_.after(Duration(0), [process = std::shared_ptr<InjectorProcess>(std::move(it.process))] {});
  }
  for (const auto& weak : it.channels) {
    const auto channel = weak.lock();
    if (!channel) continue;
    const Duration wait = std::max(Duration(1), channel->last_arrival - agenda_.elapsed());
    agenda_.after(wait, [this, channel] { cut(channel); });
  }
}

Result<> Host::remove(const std::string& id) {
  HostContainer* it = find(id);
  if (it == nullptr) return no_such(id);
  it->auto_remove = false;
  (void)die(id);
  containers_.erase(id);
  tell("container", "destroy", id);
  return {};
}

void Host::pause(const std::string& id, bool paused) {
  HostContainer& it = containers_.at(id);
  if (!is_up(it)) return;
  it.container.state = paused ? "paused" : "running";
  it.harm.erase("paused");
  tell("container", paused ? "pause" : "unpause", id);
  if (it.process) it.process->freeze(paused);
}

Result<> Host::freeze(const std::string& id, bool frozen) {
  HostContainer* it = find(id);
  if (it == nullptr) return no_such(id);
  if (it->container.state != (frozen ? "running" : "paused"))
    return fail(ErrorCode::conflict, concat(id, frozen ? " can't be paused" : " is not paused"));
  pause(id, frozen);
  if (frozen) it->harm.insert("paused");
  log::debug("{} is {}", id, frozen ? "paused" : "unpaused");
  return {};
}

Result<> Host::stop(const std::string& id) {
  HostContainer* it = find(id);
  if (it == nullptr) return no_such(id);
  const bool was_up = is_up(*it);
  const auto died = die(id);
  if (was_up && (it = find(id)) != nullptr) it->harm.insert("stopped");
  return died;
}

Result<> Host::update(const std::string& id, const docker::Limits& limits) {
  HostContainer* it = find(id);
  if (it == nullptr) return no_such(id);
  if (limits.cpu_quota != 0) it->limits.cpu_quota = limits.cpu_quota;
  if (limits.cpu_period != 0) it->limits.cpu_period = limits.cpu_period;
  if (limits.pids) it->limits.pids = limits.pids;
  const bool limited = it->limits.cpu_quota > 0 || it->limits.pids.value_or(0) > 0;
  if (limited) {
    it->harm.insert("limited");
  } else {
    it->harm.erase("limited");
  }
  log::debug("{} is limited to quota {}, pids {}", id, it->limits.cpu_quota, it->limits.pids.value_or(0));
  tell("container", "update", id);
  return {};
}

void Host::rename(const std::string& id, std::string name) {
  if (find(name) != nullptr) return;
  containers_.at(id).container.name = std::move(name);
  tell("container", "rename", id);
}

void Host::connect(const std::string& id, const std::string& network, bool connected) {
  auto& networks = containers_.at(id).container.networks;
  std::erase_if(networks, [&](const auto& each) { return each.name == network; });
  if (connected) networks.push_back({network, "10.0.0.2", ""});
  tell("network", connected ? "connect" : "disconnect", id);
}

void Host::input(const std::string& id, const std::string& bytes) {
  HostContainer* it = find(id);
  if (it == nullptr) return;
  if (it->process)
    it->process->input(bytes);
  else if (it->container.state == "created")
    it->input += bytes;
}

std::shared_ptr<Channel> Host::attach(const std::string& id) {
  auto channel = std::make_shared<Channel>();
  containers_.at(id).channels.push_back(channel);
  std::erase_if(channels_, [](const auto& weak) { return weak.expired(); });
  channels_.push_back(channel);
  return channel;
}

void Host::cut(const std::shared_ptr<Channel>& channel) {
  channel->cut = true;
  if (channel->notify) channel->notify();
}

// Pieces of a stream arrive in order, and may be cut anywhere.
void Host::output(const std::string& id, const std::string& line) {
  constexpr std::size_t kept = 1000;
  auto& said = containers_.at(id).log;
  said.push_back(line);
  if (said.size() > kept) said.pop_front();
  for (const auto& weak : containers_.at(id).channels) {
    const auto channel = weak.lock();
    if (!channel || channel->cut) continue;
    const bool half = dice_.chance(weather_.cut);
    const Duration arrival = std::max(channel->last_arrival, agenda_.elapsed() + dice_.between(100us, 2ms));
    channel->last_arrival = arrival;
    agenda_.after(arrival - agenda_.elapsed(), [this, channel, half, line] {
      if (channel->cut) return;
      const std::size_t middle = line.size() / 2;
      channel->arrived.push_back(line.substr(0, middle));
      if (half) return cut(channel);
      channel->arrived.push_back(line.substr(middle));
      if (channel->notify) channel->notify();
    });
  }
}

void Host::tell(const std::string& type, const std::string& action, const std::string& id) {
  std::erase_if(subscriptions_, [](const auto& each) { return each->ended; });
  docker::Event event;
  event.type = type;
  event.action = action;
  event.id = id;
  if (type == "network") event.attributes["container"] = id;
  event.time = clock_.now();
  for (const auto& each : subscriptions_) {
    if (dice_.chance(weather_.lost)) continue;
    const Duration delay = dice_.chance(weather_.disordered) ? dice_.between(1ms, 2s) : Duration(200);
    deliver(each, event, delay);
    if (dice_.chance(weather_.doubled)) deliver(each, event, dice_.between(1ms, 2s));
  }
}

void Host::deliver(const std::shared_ptr<Subscription>& to, const docker::Event& event, Duration delay) {
  agenda_.after(delay, [to, event] {
    if (!to->ended) to->on_event(event);
  });
}

void Host::cut_all() {
  for (const auto& weak : channels_) {
    if (const auto channel = weak.lock()) cut(channel);
  }
  for (const auto& each : std::exchange(subscriptions_, {})) {
    if (!std::exchange(each->ended, true)) each->on_end();
  }
}

void Host::break_down(Duration during) {
  down_until_ = std::max(down_until_, agenda_.elapsed() + during);
  cut_all();
}

void Host::restart(Duration during) {
  std::vector<std::string> targets = ids(false, "running");
  for (auto& [id, it] : containers_) {
    if (!is_up(it)) continue;
    bury(it);
    it.container.state = "exited";
    it.harm.erase("paused");
  }
  break_down(during);
  std::erase_if(containers_, [](const auto& entry) {
    return entry.second.auto_remove && !is_up(entry.second) && entry.second.starts > 0;
  });
  agenda_.after(during, [this, targets] {
    for (const auto& id : targets) (void)start(id);
  });
}

bool Host::held_lately(const std::string& injector, const std::string& policy, const std::string& failure,
                       std::uint64_t window, Duration moment) const {
  const auto same = [&](const FaultKey& key) {
    return std::get<0>(key) == policy && std::get<1>(key) == failure && std::get<2>(key) == window;
  };
  const auto lately = [&](const auto& entry) {
    return same(entry.first) && entry.second + moment >= agenda_.elapsed();
  };
  for (const auto& [id, it] : containers_) {
    if (!it.process || (!injector.empty() && id != injector)) continue;
    if (std::ranges::any_of(it.process->last_held(), lately)) return true;
  }
  for (const auto& [id, ended] : past_) {
    if ((injector.empty() || id == injector) && std::ranges::any_of(ended, lately)) return true;
  }
  return false;
}

}  // namespace entropy::chaos
