// What happens to the hosts and to the manager.
#include <algorithm>

#include "base/text.hpp"
#include "chaos/storm.hpp"

namespace entropy::chaos {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_targets = 6;
const std::vector<std::string> services = {"a", "b", "c"};

// Who is a second ahead is, or is not, said to differ.
bool is_unclear(Duration ahead) { return std::chrono::abs(std::chrono::abs(ahead) - 1s) < 100ms; }

}  // namespace

void Storm::nature_acts() {
  Host& host = *world_.hosts[world_.dice.below(world_.hosts.size())];
  switch (world_.dice.below(13)) {
    case 0:
    case 1:
      return change_weather();
    case 2:
      return add_container(host);
    case 3:
    case 4:
    case 5:
    case 6:
      return act_on_target(host);
    case 7:
    case 8:
      return act_on_injector(host);
    case 9:
      return act_on_engine(host);
    case 10:
      return set_clocks();
    default:
      return plan_death();
  }
}

void Storm::change_weather() {
  Dice& dice = world_.dice;
  Weather weather;
  const auto maybe = [&](double share) { return dice.chance(0.25) ? share : 0.0; };
  weather.refused = maybe(0.3);
  weather.unanswered = maybe(0.2);
  weather.slow = maybe(0.3);
  weather.slowest = dice.chance(0.2) ? Duration(40s) : Duration(3s);
  weather.cut = maybe(0.03);
  weather.lost = maybe(0.3);
  weather.doubled = maybe(0.3);
  weather.disordered = maybe(0.3);
  weather.disk_full = maybe(0.2);
  weather.kernel_refuses = maybe(0.3);
  world_.weather = weather;
  const auto percent = [](double share) { return concat(" ", static_cast<int>(share * 100), " %"); };
  say(concat("weather: refused", percent(weather.refused), ", unanswered", percent(weather.unanswered), ", slow",
             percent(weather.slow), " up to ", to_string(weather.slowest), ", cut", percent(weather.cut),
             "; events lost", percent(weather.lost), ", doubled", percent(weather.doubled), ", disordered",
             percent(weather.disordered), "; disk full", percent(weather.disk_full), ", kernel refuses",
             percent(weather.kernel_refuses)));
}

void Storm::add_container(Host& host) {
  const auto targets = host.ids(false);
  if (targets.size() >= most_targets) return;
  docker::ContainerSpec spec;
  // Names come again: of what was removed, and of what was renamed.
  spec.name = concat("t", 1 + world_.dice.below(8));
  spec.labels["service"] = world_.dice.one_of(services);
  if (world_.dice.chance(0.05)) spec.labels["entropy.protect"] = "true";
  spec.network_mode = world_.dice.chance(0.05) ? "host" : "bridge";
  if (!targets.empty() && world_.dice.chance(0.15)) {
    const auto& other = *host.find(world_.dice.one_of(targets));
    if (other.container.state == "running" && other.container.network_mode == "bridge")
      spec.network_mode = concat("container:", other.container.id);
  }
  const auto id = host.create(spec);
  if (!id) return;
  say(concat("run ", *id, " ", spec.name, " service=", spec.labels["service"], " network ", spec.network_mode));
  (void)host.start(*id);
}

void Storm::act_on_target(Host& host) {
  const auto targets = host.ids(false);
  if (targets.empty()) return;
  const std::string id = world_.dice.one_of(targets);
  switch (world_.dice.below(9)) {
    case 0:
      say(concat("stop target ", id));
      return (void)host.die(id);
    case 1:
      say(concat("start target ", id));
      return (void)host.start(id);
    case 2:
    case 3:
      say(concat("restart target ", id));
      (void)host.die(id);
      return (void)host.start(id);
    case 4:
      say(concat("remove target ", id));
      return (void)host.remove(id);
    case 5: {
      const std::string name = concat("t", 1 + world_.dice.below(8));
      say(concat("rename target ", id, " to ", name));
      return host.rename(id, name);
    }
    case 6:
      say(concat("pause or unpause target ", id));
      return host.pause(id, host.find(id)->container.state == "running");
    case 7:
      say(concat("connect target ", id));
      return host.connect(id, "net1", true);
    default:
      say(concat("disconnect target ", id));
      return host.connect(id, "net1", false);
  }
}

void Storm::act_on_injector(Host& host) {
  const auto injectors = host.ids(true);
  if (injectors.empty()) return;
  const std::string id = world_.dice.one_of(injectors);
  HostContainer& it = *host.find(id);
  switch (world_.dice.below(5)) {
    case 0:
      say(concat("kill injector ", id));
      return (void)host.die(id);
    case 1:
      say(concat("remove injector ", id));
      return (void)host.remove(id);
    case 2:
      say(concat("pause injector ", id));
      return host.pause(id, true);
    case 3:
      say(concat("unpause injector ", id));
      return host.pause(id, false);
    default:
      say(concat("flush the rules of ", id));
      if (it.process) it.process->flush_kernel();
  }
}

void Storm::act_on_engine(Host& host) {
  switch (world_.dice.below(4)) {
    case 0:
      say(concat("the engine of ", host.name(), " is away"));
      return host.break_down(world_.dice.between(100ms, 15s));
    case 1:
      say(concat(host.name(), " restarts"));
      return host.restart(world_.dice.between(100ms, 8s));
    case 2:
      say(concat("all streams of ", host.name(), " are cut"));
      return host.cut_all();
    default:
      say(concat("the images of ", host.name(), " are pruned"));
      host.images.clear();
  }
}

// Of the manager's machine, which most engines are on, or of another one.
void Storm::set_clocks() {
  clocks_were_set_ = true;
  const Duration longest = world_.dice.one_of(std::vector<Duration>{900ms, 10s, 5min});
  const Duration by = world_.dice.between(1ms, longest) * (world_.dice.chance(0.5) ? 1 : -1);
  const std::string text = concat(by < 0ms ? "-" : "", to_string(std::chrono::abs(by)));
  if (!other_machines_.empty() && world_.dice.chance(0.5)) {
    Host& host = *world_.dice.one_of(other_machines_);
    say(concat("the clock of ", host.name(), " is set by ", text));
    const Duration ahead = host.clock().ahead + by;
    return host.set_clock(is_unclear(ahead) || world_.dice.chance(0.3) ? 0ms : ahead);
  }
  say(concat("the clock is set by ", text));
  world_.agenda.jump(by);
  for (const auto& host : world_.hosts) {
    if (std::ranges::find(other_machines_, host.get()) != other_machines_.end()) {
      host->keep_clock(by);
      if (is_unclear(host->clock().ahead)) host->set_clock(0ms);
    } else {
      host->set_clock(0ms);
    }
  }
}

// kill -9: now, or at one of the next calls or commits, before or after it is done.
void Storm::plan_death() {
  if (!service_.runs()) return;
  if (world_.dice.chance(0.2)) return end_in_order();
  Life& life = service_.life();
  life.afterwards = world_.dice.chance(0.5);
  switch (world_.dice.below(5)) {
    case 0:
      say("the manager is to die now");
      life.dead = true;
      return;
    case 1:
    case 2:
      life.commits_left = static_cast<int>(world_.dice.below(4));
      return say(concat("the manager is to die at commit ", *life.commits_left, life.afterwards ? " afterwards" : ""));
    default:
      life.calls_left = static_cast<int>(world_.dice.below(12));
      return say(concat("the manager is to die at call ", *life.calls_left, life.afterwards ? " afterwards" : ""));
  }
}

// SIGTERM. What the service says when it ends is true: nothing is left, where it can look.
void Storm::end_in_order() {
  if (ending_) return;
  say("the manager is told to end");
  ending_ = true;
  auto shut_down = [](control::Manager& manager) -> control::Task<std::size_t> {
    co_return co_await manager.shut_down(9s);
  };
  service_.ask<std::size_t>(shut_down(service_.manager()), [this](const Result<std::size_t>& left) {
    say(concat("it ends, and leaves ", *left));
    const auto endpoints = service_.manager().endpoints();
    const auto up = [&](const Host& host) {
      return std::ranges::any_of(endpoints, [&](const auto& each) { return each.endpoint == host.name() && each.up; });
    };
    for (const auto& host : world_.hosts) {
      for (const std::string_view state : {"created", "running"}) {
        const auto ids = host->injectors_of(our_id, state);
        if (*left == 0 && up(*host) && !ids.empty()) broken(concat(ids.front(), " is left, ", state));
      }
      for (const auto& [id, it] : host->containers()) {
        if (*left == 0 && up(*host) && !it.harm.empty()) broken(concat(id, " is left ", *it.harm.begin()));
      }
    }
    service_.life().dead = true;
  });
}

void Storm::begin_again() {
  ending_ = false;
  for (auto& [name, known] : known_) {
    known.uncertain = known.uncertain || known.busy;
    known.busy = false;
  }
  service_.begin();
  began_ = world_.agenda.elapsed();
  say("a manager begins");
  if (!killed()) compare_policies();
}

}  // namespace entropy::chaos
