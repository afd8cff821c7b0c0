// One engine as seen from the manager: its containers and the services of its Swarm, kept true by the engine's events
// and by listing them anew after every reconnect and from time to time. Level-triggered: an event only says what to
// look at.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control/plan.hpp"
#include "control/signal.hpp"
#include "control/swarm.hpp"
#include "docker/engine.hpp"

namespace entropy::control {

inline constexpr Duration longest_way = std::chrono::seconds(60);  // of a request to an engine that is slow or stuck

// A container and what is known of its latest start. What it shows is never changed, but replaced: others hold it, too.
class CachedContainer {
 public:
  CachedContainer(const std::string& endpoint, docker::Container container, std::string started_at = "",
                  std::shared_ptr<const docker::ContainerDetails> details = {});

  const docker::Container& container() const { return observed_->container; }
  const std::string& started_at() const { return observed_->started_at; }  // empty until it was inspected
  // As it was inspected last, without what is above; none: not yet.
  const std::shared_ptr<const docker::ContainerDetails>& details() const { return details_; }
  // As plans see it, but for what its Swarm service adds.
  const ObservedContainers::Shared& observed() const { return observed_; }
  bool is_of_ours() const { return is_of_ours_; }
  bool is_of_swarm() const { return is_of_swarm_; }

  bool up = false;  // running or paused

 private:
  ObservedContainers::Shared observed_;
  std::shared_ptr<const docker::ContainerDetails> details_;
  bool is_of_ours_ = false;
  bool is_of_swarm_ = false;
};

// A container that is none of ours and has ended, or in which something was killed for want of memory.
struct EndedContainer {
  CachedContainer container;
  Duration at{0};  // of the steady clock
  int exit_code = 0;
  bool out_of_memory = false;
};

// One thread. Runs from `run` to `stop`; `on_change` is called whenever what it shows may have changed, but for
// containers that are of no concern, as they were and as they are.
class Endpoint {
 public:
  struct Handlers {
    std::function<void()> on_change;
    std::function<bool(const Endpoint&, const CachedContainer&)> concerns;
  };
  Endpoint(std::string name, std::unique_ptr<docker::Engine> engine, Timing& timing, const Clock& clock,
           Handlers handlers);

  const std::string& name() const { return name_; }
  docker::Engine& engine() { return *engine_; }

  boost::asio::awaitable<void> run();
  void stop();

  // nullopt while the engine answers; before the first listing, and while it can't be reached: why.
  const std::optional<std::string>& lost() const { return lost_; }
  // Whether it has ever been listed: before that, nothing is known of what it holds.
  bool known() const { return known_since_.has_value(); }
  // By the time that never jumps.
  const std::optional<Duration>& known_since() const { return known_since_; }
  const std::map<std::string, CachedContainer>& containers() const { return containers_; }
  // Of an engine that is out of reach nobody knows that it has not.
  bool may_have(const std::string& id) const { return lost_ || containers_.contains(id); }
  // Of the last minute, the last 256.
  const std::deque<EndedContainer>& ended() const { return ended_; }
  // How far its host's clock is ahead of ours, as far as that can be told; none if it does not say.
  const std::optional<Duration>& skew() const { return skew_; }
  // None before it has answered once; of then, while it can't be reached.
  const std::optional<docker::EngineInfo>& info() const { return info_; }
  // Of its Swarm, where it is a manager. One that is removed stays until its last container here has gone.
  const Services& services() const { return services_; }
  // Why `services` may be out of date.
  const std::optional<std::string>& services_error() const { return services_error_; }
  // Whether it has answered, or failed to, at least once.
  bool asked() const { return asked_; }

  // Looks at the container now; the answer is in `containers` afterwards. ErrorCode::conflict: something newer was
  // heard before the answer came.
  docker::Task<> inspect(std::string id);
  // The same of one that was just started, again and again until the engine answers or `give_up` says so: what nobody
  // sees would be made anew, or nobody would ask it whether it is clean.
  docker::Task<> inspect_until_seen(std::string id, std::function<bool()> give_up);
  // Removes one of ours, at least once, until the engine says that it is gone or `give_up` says so: one that could not
  // be started in order may run for all we know.
  boost::asio::awaitable<void> remove_until_gone(std::string id, std::function<bool()> give_up);
  // Creates a container. An engine that gives no answer may have made it all the same, or make it late.
  docker::Task<std::string> create(docker::ContainerSpec spec);
  // Whether a list that was asked for then may lack one.
  bool may_lack_created(Duration asked) const { return asked <= creation_in_doubt_until_; }
  // When `containers` was asked for as a whole.
  Duration listed_at() const { return listed_at_; }
  // A container of ours that is gone; its event may come later.
  void forget(const std::string& id);
  // Looks at it soon, and again until the engine answers.
  void look_at(const std::string& id);
  // Whether it is still to be looked at since an event, or `look_at`, said so.
  bool may_have_changed(const std::string& id) const { return unseen_.contains(id); }
  // These are inspected whenever the containers are listed, so that no lost event hides what became of them.
  void watch(std::set<std::string> ids) { watched_ = std::move(ids); }

 private:
  boost::asio::awaitable<void> follow_events();
  boost::asio::awaitable<void> refresh_loop();
  docker::Task<> list_all();
  boost::asio::awaitable<void> list_services();
  void take_services(std::vector<docker::SwarmService> services);
  boost::asio::awaitable<void> look_at_dirty();
  void on_event(const docker::Event& event);
  void note_end(const docker::Event& event);
  void note_change(const CachedContainer& container);
  void tell_news();
  void seen(const std::string& id);
  docker::Task<> ask_info();
  CachedContainer cached_from(docker::Container listed) const;
  void take_list(std::vector<docker::Container> containers, std::uint64_t asked);
  bool is_outdated(const std::string& id, std::uint64_t asked) const;
  void set_lost(std::string why);

  std::string name_;
  std::unique_ptr<docker::Engine> engine_;
  Timing& timing_;
  const Clock& clock_;
  Handlers handlers_;
  bool news_ = false;  // that somebody should hear
  std::map<std::string, CachedContainer> containers_;
  std::deque<EndedContainer> ended_;
  std::optional<Duration> skew_;
  std::optional<docker::EngineInfo> info_;
  Services services_;
  std::optional<std::string> services_error_;
  std::optional<std::string> lost_ = "the engine was not asked yet";
  std::set<std::string> dirty_;
  std::set<std::string> unseen_;
  std::set<std::string> watched_;
  // Answers may overtake each other and events: what was asked or heard last counts.
  std::uint64_t moment_ = 0;
  std::map<std::string, std::uint64_t> heard_;  // of which moment the newest word on a container is
  bool list_due_ = false;
  bool services_due_ = false;
  bool asked_ = false;
  bool following_ = false;  // the event stream is open
  std::optional<Duration> known_since_;
  // By the time that never jumps.
  Duration listed_at_{0};
  Duration creation_in_doubt_until_{Duration::min()};
  bool stopped_ = false;
  Signal work_;
};

// nullptr: the service was started without it.
Endpoint* find_endpoint(const std::vector<std::unique_ptr<Endpoint>>& endpoints, std::string_view name);

// The container with what its Swarm service adds: labels and addresses. Any manager of a Swarm knows the services of
// all its nodes; an engine out of reach is asked last.
ObservedContainers::Shared with_service(const CachedContainer& cached,
                                        const std::vector<std::unique_ptr<Endpoint>>& endpoints);

}  // namespace entropy::control
