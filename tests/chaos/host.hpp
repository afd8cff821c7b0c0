// A simulated machine: a Docker engine, its containers with their network namespaces, and in these real injectors.
// Things happen at the engine's time, whether or not the manager that asked for them is still there.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "chaos/agenda.hpp"
#include "chaos/dice.hpp"
#include "chaos/injector_process.hpp"
#include "chaos/weather.hpp"
#include "docker/engine.hpp"

namespace entropy::chaos {

// One attached client. The client polls `arrived` when it is notified.
struct Channel {
  std::deque<std::string> arrived;
  bool cut = false;  // nothing more comes, nothing more goes
  std::function<void()> notify;
  Duration last_arrival{0};
  Duration last_departure{0};
};

struct Subscription {
  bool ended = false;
  std::function<void(docker::Event)> on_event;
  std::function<void()> on_end;
};

struct HostContainer {
  docker::Container container;
  bool auto_remove = false;
  Time created;
  std::string started_at;
  int starts = 0;
  docker::Limits limits;
  // What a manager has done to it and nobody has undone: paused, stopped, limited.
  std::set<std::string> harm;
  std::string network_namespace;  // of its latest start
  std::string input;              // that waits for the first start
  std::unique_ptr<InjectorProcess> process;
  std::deque<std::string> log;  // the latest that it has said
  std::vector<std::weak_ptr<Channel>> channels;
};

// Empty: it is nobody's injector.
std::string manager_of(const HostContainer& it);

// A host's UTC, as far as it differs from the manager's.
class HostClock final : public Clock {
 public:
  explicit HostClock(const Agenda& agenda) : agenda_(agenda) {}
  Time now() const override { return agenda_.now() + ahead; }
  Duration ahead{0};

 private:
  const Agenda& agenda_;
};

class Host {
 public:
  Host(std::string name, Agenda& agenda, Dice& dice, const Weather& weather);

  const std::string& name() const { return name_; }
  const std::map<std::string, HostContainer>& containers() const { return containers_; }
  HostContainer* find(const std::string& id_or_name);
  std::vector<std::string> ids(bool injectors, std::string_view state = "") const;
  std::vector<std::string> injectors_of(const std::string& manager, std::string_view state = "") const;

  // The engine's verbs.
  Result<std::string> create(const docker::ContainerSpec& spec);
  Result<> start(const std::string& id);
  Result<> die(const std::string& id);  // SIGKILL; it is removed if it was made so
  Result<> remove(const std::string& id);
  void pause(const std::string& id, bool paused);
  // What managers ask for, and what the host remembers of it.
  Result<> freeze(const std::string& id, bool frozen);
  Result<> stop(const std::string& id);
  Result<> update(const std::string& id, const docker::Limits& limits);
  void rename(const std::string& id, std::string name);
  void connect(const std::string& id, const std::string& network, bool connected);
  void input(const std::string& id, const std::string& bytes);
  const HostClock& clock() const { return clock_; }
  // Who waits for a time of day is woken.
  void set_clock(Duration ahead);
  // That the manager's clock was set is of no matter here: this is another machine.
  void keep_clock(Duration jump) { clock_.ahead -= jump; }

  std::shared_ptr<Channel> attach(const std::string& id);
  void subscribe(std::shared_ptr<Subscription> subscription) { subscriptions_.push_back(std::move(subscription)); }
  void cut(const std::shared_ptr<Channel>& channel);

  // The engine's own life. Containers live through a break; a restart ends them all, and targets start again.
  void break_down(Duration during);
  void restart(Duration during);
  bool is_down() const { return down_until_ > agenda_.elapsed(); }
  void cut_all();

  std::set<std::string> images;
  std::function<void(const program::Fault&)> on_fault_started = [](const program::Fault&) {};
  // A manager lays hands on another one's injector.
  std::function<void(const std::string& what)> on_trespass = [](const std::string&) {};

  // Whether the injector, living or dead, has held such a fault within the last `moment`; an empty id: any injector.
  bool held_lately(const std::string& injector, const std::string& policy, const std::string& failure,
                   std::uint64_t window, Duration moment) const;

 private:
  void tell(const std::string& type, const std::string& action, const std::string& id);
  void deliver(const std::shared_ptr<Subscription>& to, const docker::Event& event, Duration delay);
  void run_injector(HostContainer& it);
  void output(const std::string& id, const std::string& line);
  void bury(HostContainer& it);
  std::optional<Error> refuses(const std::string& id, const kernel::State& wanted);

  std::string name_;
  Agenda& agenda_;
  HostClock clock_;
  Dice& dice_;
  const Weather& weather_;
  std::map<std::string, HostContainer> containers_;
  std::map<std::string, std::map<FaultKey, Duration>> past_;  // of injectors that are no more
  std::vector<std::weak_ptr<Channel>> channels_;
  std::vector<std::shared_ptr<Subscription>> subscriptions_;
  int count_ = 0;
  int starts_ = 0;
  Duration down_until_{0};
};

}  // namespace entropy::chaos
