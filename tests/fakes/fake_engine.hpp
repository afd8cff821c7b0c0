// A Docker engine in memory, with injectors that answer like the real one. One thread (the test's io_context).
#pragma once

#include <time.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "control/signal.hpp"
#include "docker/engine.hpp"
#include "failure/catalogue.hpp"
#include "program/command.hpp"
#include "program/report.hpp"

namespace entropy::fakes {

namespace asio = boost::asio;

struct FakeContainer {
  docker::Container container;
  std::string started_at;
  int starts = 0;
  std::vector<program::Command> commands;  // that reached an injector
  std::deque<std::string> output;          // not read yet
  std::string last_state;                  // as it was reported
  std::shared_ptr<control::Signal> readable;
  bool attached = false;
  bool answers = true;
  docker::ContainerSpec spec;
  std::string log;
  int exit_code = 0;                                                          // when it dies
  docker::ContainerDetails more = {};                                         // what only an inspection shows
  std::map<std::tuple<std::string, std::string, std::uint64_t>, Time> since;  // policy, failure, window that hold
};

// Adds the processor time of its scope.
class Metered {
 public:
  explicit Metered(std::chrono::nanoseconds& total) : total_(total), began_(now()) {}
  ~Metered() { total_ += now() - began_; }
  Metered(const Metered&) = delete;
  Metered& operator=(const Metered&) = delete;

 private:
  static std::chrono::nanoseconds now() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
  std::chrono::nanoseconds& total_;
  std::chrono::nanoseconds began_;
};

class FakeEngine final : public docker::Engine {
 public:
  explicit FakeEngine(asio::any_io_executor executor) : executor_(executor), timing_(executor), events_end_(timing_) {}

  // What a test does to it.
  std::string run_container(std::string name, docker::Labels labels) {
    docker::ContainerSpec spec;
    spec.name = std::move(name);
    spec.labels = std::move(labels);
    spec.network_mode = "default";
    const std::string id = add(spec);
    start(id);
    return id;
  }
  void restart(const std::string& id) {
    die(id);
    start(id);
  }
  void set_health(const std::string& id, std::string health) {
    containers.at(id).container.health = health;
    tell("health_status: " + health, id);
  }
  void die(const std::string& id) {
    FakeContainer& it = containers.at(id);
    it.container.state = "exited";
    it.more.finished_at = concat("2026-01-01T00:00:", 10 + it.starts, "Z");
    if (it.readable) it.readable->notify();
    tell("die", id);
  }
  // One that comes late, or twice.
  void repeat_event(const std::string& action, const std::string& id) { tell(action, id); }
  void pause(const std::string& id, bool paused) {
    containers.at(id).container.state = paused ? "paused" : "running";
    tell(paused ? "pause" : "unpause", id);
  }
  void destroy(const std::string& id) {
    if (containers.at(id).container.state == "running") die(id);
    if (const auto& readable = containers.at(id).readable) readable->notify();
    containers.erase(id);
    tell("destroy", id);
  }
  // A Swarm of one manager, with a service that is not there yet or is another now.
  void put_service(docker::SwarmService service) {
    if (!swarm.manager) become({"active", true, "node1", {"node1"}});
    const std::string id = service.id;
    services[id] = std::move(service);
    tell("update", id, "service");
  }
  void become(docker::SwarmNode node) {
    swarm = std::move(node);
    tell("update", swarm.id, "node");
  }
  std::string run_task(const std::string& service, const std::string& name) {
    return run_container(name, {{"com.docker.swarm.service.id", service},
                                {"com.docker.swarm.service.name", services.at(service).name},
                                {"com.docker.swarm.task.name", name}});
  }
  void remove_service(const std::string& id) {
    services.erase(id);
    tell("remove", id, "service");
  }
  void break_down(std::string why) {
    broken = std::move(why);
    events_end_.notify();
  }
  // The way to the engine breaks: whoever reads from containers hears nothing any more, and they go on.
  void cut_streams() {
    ++cuts_;
    for (auto& [id, it] : containers) {
      if (it.readable) it.readable->notify();
    }
  }
  // What an injector says whether or not anybody listens.
  void say(const std::string& id, const program::Report& report) {
    containers.at(id).log += program::to_json_line(report) + "\n";
  }
  std::vector<std::string> injector_ids() const {
    std::vector<std::string> ids;
    for (const auto& [id, it] : containers) {
      if (it.container.labels.contains("entropy.injector")) ids.push_back(id);
    }
    return ids;
  }

  std::map<std::string, FakeContainer> containers;
  std::map<std::string, docker::SwarmService> services;
  docker::SwarmNode swarm = {"inactive", false, "", {}};
  std::optional<Duration> clock_ahead;  // of ours; none: it does not say
  std::string broken;                   // not empty: every call fails with it
  bool injectors_answer = true;
  // What a container with an environment (as custom injectors have) says at its start, and then lives on with.
  std::string custom_log;
  std::set<std::string> images = {"custom:1"};
  std::map<std::string, docker::ImageDetails> image_details;
  std::map<std::string, Error> refuse;  // operation -> its answer
  std::map<std::string, int> asked;     // operation -> how often
  Duration creating_takes{0};
  Duration inspecting_takes{0};
  int creations = 0;                     // begun
  std::set<std::string> unanswered;      // operations that are done, but whose answer is lost
  std::vector<std::string> acts;         // on containers: "pause id1"
  docker::Usage usage;                   // of every container
  std::chrono::nanoseconds own_time{0};  // processor time of what it does for its callers

  docker::Task<> ping() override { co_return check("ping"); }
  docker::Task<docker::EngineInfo> info() override {
    docker::EngineInfo info;
    info.server_version = "20.10.24";
    info.swarm = swarm;
    if (clock_ahead) info.clock = SystemClock().now() + *clock_ahead;
    co_return info;
  }
  docker::Task<std::vector<docker::Container>> list_containers(bool all, std::vector<std::string>) override {
    const auto checked = check("list");
    if (!checked) co_return fail(checked.error());
    const Metered metered(own_time);
    std::vector<docker::Container> rows;
    for (const auto& [id, it] : containers) {
      if (all || it.container.state == "running") rows.push_back(it.container);
    }
    co_return rows;
  }
  docker::Task<docker::ContainerDetails> inspect_container(std::string id) override {
    const auto checked = check("inspect");
    if (!checked) co_return fail(checked.error());
    if (inspecting_takes > Duration(0)) co_await timing_.sleep(inspecting_takes);
    const Metered metered(own_time);
    auto found = containers.find(id);
    if (found == containers.end())
      found = std::ranges::find(containers, id, [](const auto& each) { return each.second.container.name; });
    if (found == containers.end()) co_return not_found(id);
    const FakeContainer& it = found->second;
    docker::ContainerDetails details = it.more;
    details.container = it.container;
    details.started_at = it.started_at;
    details.exit_code = it.exit_code;
    if (it.container.health == "unhealthy") details.health_output = "refused";
    co_return details;
  }
  docker::Task<std::string> create_container(docker::ContainerSpec spec) override {
    const auto checked = check("create");
    if (!checked) co_return fail(checked.error());
    ++creations;
    if (creating_takes > Duration(0)) co_await timing_.sleep(creating_takes);
    for (const auto& [id, it] : containers) {
      if (it.container.name == spec.name) co_return fail(ErrorCode::conflict, "the name is taken");
    }
    auto id = add(spec);
    if (unanswered.contains("create")) co_return fail(ErrorCode::unavailable, "the connection was cut");
    co_return id;
  }
  docker::Task<> start_container(std::string id) override {
    const auto checked = check("start");
    if (!checked) co_return checked;
    if (!containers.contains(id)) co_return not_found(id);
    acts.push_back(concat("start ", id));
    if (containers.at(id).container.state != "running") start(id);
    co_return Result<>();
  }
  docker::Task<> stop_container(std::string id, Duration) override {
    co_return act("stop", id, [&] { die(id); });
  }
  docker::Task<> kill_container(std::string id, std::string signal) override {
    co_return act(concat("kill ", signal), id, [&] {
      if (signal == "SIGKILL" || signal == "SIGTERM") die(id);
    });
  }
  docker::Task<> restart_container(std::string id, Duration) override {
    co_return act("restart", id, [&] { restart(id); });
  }
  docker::Task<> pause_container(std::string id) override {
    if (containers.contains(id) && containers.at(id).container.state == "paused")
      co_return fail(ErrorCode::conflict, concat(id, " is already paused"));
    co_return act("pause", id, [&] { pause(id, true); });
  }
  docker::Task<> unpause_container(std::string id) override {
    if (containers.contains(id) && containers.at(id).container.state != "paused")
      co_return fail(ErrorCode::conflict, concat(id, " is not paused"));
    co_return act("unpause", id, [&] { pause(id, false); });
  }
  docker::Task<> update_container(std::string id, docker::Limits limits) override {
    co_return act("update", id, [&] {
      docker::Limits& now = containers.at(id).more.limits;
      const auto put = [](std::int64_t& value, std::int64_t asked) { value = asked != 0 ? asked : value; };
      put(now.nano_cpus, limits.nano_cpus);
      put(now.cpu_period, limits.cpu_period);
      put(now.cpu_quota, limits.cpu_quota);
      put(now.memory, limits.memory);
      put(now.memory_swap, limits.memory_swap);
      if (limits.pids) now.pids = limits.pids;
      tell("update", id);
    });
  }
  docker::Task<docker::Usage> container_usage(std::string) override { co_return usage; }
  docker::Task<> remove_container(std::string id, bool) override {
    const auto checked = check("remove");
    if (!checked) co_return checked;
    if (!containers.contains(id)) co_return not_found(id);
    destroy(id);
    co_return Result<>();
  }
  docker::Task<> logs(std::string id, bool follow, std::size_t tail,
                      std::function<bool(std::string_view)> sink) override {
    const auto checked = check("logs");
    if (!checked) co_return checked;
    if (!containers.contains(id)) co_return not_found(id);
    const std::string& state = containers.at(id).container.state;
    if (state == "removing" || state == "dead") {
      co_return fail(ErrorCode::conflict, "can not get logs from container which is dead or marked for removal");
    }
    sink(last_lines(containers.at(id).log, tail));
    const auto runs = [&] { return containers.contains(id) && containers.at(id).container.state == "running"; };
    while (follow && runs()) {
      asio::steady_timer timer(executor_, std::chrono::milliseconds(5));
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_return Result<>();
  }
  docker::Task<std::unique_ptr<docker::AttachStream>> attach(std::string id) override {
    const auto checked = check("attach");
    if (!checked) co_return fail(checked.error());
    if (!containers.contains(id)) co_return not_found(id);
    co_return std::make_unique<Stream>(*this, id);
  }
  docker::Task<bool> has_image(std::string reference) override {
    co_return images.contains(reference) || (image_loaded_ && reference.starts_with("entropy-injector"));
  }
  docker::Task<docker::ImageDetails> inspect_image(std::string reference) override {
    if (!image_details.contains(reference)) co_return fail(ErrorCode::not_found, "no such image");
    co_return image_details.at(reference);
  }
  docker::Task<std::vector<docker::ImageDetails>> list_images(std::vector<std::string>) override {
    std::vector<docker::ImageDetails> all;
    for (const auto& [reference, details] : image_details) all.push_back(details);
    co_return all;
  }
  docker::Task<> pull_image(std::string reference) override {
    const auto checked = check("pull");
    if (checked) images.insert(reference);
    co_return checked;
  }
  docker::Task<> load_image(std::string) override {
    const auto checked = check("load");
    if (checked) image_loaded_ = true;
    co_return checked;
  }
  docker::Task<std::vector<docker::SwarmService>> list_services() override {
    auto checked = check("services");
    if (checked && !swarm.manager) checked = fail(ErrorCode::unavailable, "this node is not a swarm manager");
    if (!checked) co_return fail(checked.error());
    std::vector<docker::SwarmService> rows;
    for (const auto& [id, service] : services) rows.push_back(service);
    co_return rows;
  }
  docker::Task<> events(std::function<void()> on_open, std::function<void(docker::Event)> on_event) override {
    const auto checked = check("events");
    if (!checked) co_return checked;
    on_event_ = std::move(on_event);
    on_open();
    while (broken.empty()) co_await events_end_.wait(std::chrono::seconds(10));
    on_event_ = nullptr;
    co_return fail(ErrorCode::unavailable, broken);
  }

 private:
  class Stream final : public docker::AttachStream {
   public:
    Stream(FakeEngine& engine, std::string id) : engine_(engine), id_(std::move(id)) {
      FakeContainer& it = engine_.containers.at(id_);
      it.readable = std::make_shared<control::Signal>(engine_.timing_);
      it.attached = true;
      readable_ = it.readable;
      cuts_ = engine.cuts_;
    }
    docker::Task<Output> read() override {
      while (!closed_ && cuts_ == engine_.cuts_) {
        const auto found = engine_.containers.find(id_);
        if (found == engine_.containers.end()) break;
        if (!found->second.output.empty()) {
          Output output{false, std::move(found->second.output.front())};
          found->second.output.pop_front();
          co_return output;
        }
        if (found->second.container.state == "exited") break;
        co_await readable_->wait(std::chrono::seconds(10));
      }
      co_return fail(ErrorCode::unavailable, "the stream ended");
    }
    docker::Task<> write(std::string bytes) override {
      if (closed_ || !engine_.containers.contains(id_)) co_return fail(ErrorCode::unavailable, "the stream ended");
      engine_.told(id_, bytes);
      co_return Result<>();
    }
    void close() override {
      closed_ = true;
      readable_->notify();
    }

   private:
    FakeEngine& engine_;
    std::string id_;
    std::shared_ptr<control::Signal> readable_;
    int cuts_ = 0;
    bool closed_ = false;
  };

  // 0: all.
  static std::string last_lines(const std::string& log, std::size_t tail) {
    std::size_t begin = log.size();
    for (std::size_t lines = 0; begin > 0 && (lines < tail || log[begin - 1] != '\n'); --begin) {
      if (log[begin - 1] == '\n') ++lines;
    }
    return log.substr(begin);
  }
  std::unexpected<Error> not_found(const std::string& id) const {
    return fail(ErrorCode::not_found, concat("no such container: ", id));
  }
  template <class Do>
  Result<> act(const std::string& what, const std::string& id, Do work) {
    const std::string operation = what.substr(0, what.find(' '));
    const auto checked = check(operation);
    if (!checked) return checked;
    if (!containers.contains(id)) return not_found(id);
    acts.push_back(concat(what, " ", id));
    work();
    if (unanswered.contains(operation)) return fail(ErrorCode::unavailable, "the connection was cut");
    return {};
  }
  Result<> check(const std::string& operation) {
    ++asked[operation];
    if (!broken.empty()) return fail(ErrorCode::unavailable, broken);
    if (const auto found = refuse.find(operation); found != refuse.end()) return fail(found->second);
    return {};
  }
  std::string add(const docker::ContainerSpec& spec) {
    std::string id = concat("id", ++next_id_);
    while (containers.contains(id)) id = concat("id", ++next_id_);  // of an engine's former life
    FakeContainer it;
    it.container.id = id;
    it.container.name = spec.name;
    it.container.state = "created";
    it.container.labels = spec.labels;
    it.container.network_mode = spec.network_mode;
    it.spec = spec;
    if (!spec.environment.empty()) it.log = custom_log;
    containers[id] = std::move(it);
    tell("create", id);
    return id;
  }
  void start(const std::string& id) {
    FakeContainer& it = containers.at(id);
    it.container.state = "running";
    it.started_at = concat("start ", ++it.starts);
    tell("start", id);
    if (it.container.labels.contains("entropy.injector") && it.container.labels.at("entropy.injector") == "examiner")
      return examine(id);
    answer(it);
  }
  // An examiner says what it found, and ends.
  void examine(const std::string& id) {
    if (!injectors_answer) return;
    containers.at(id).output.push_back(program::to_json_line(program::Examined{"userspace", ""}) + "\n");
    asio::post(executor_, [this, id] {
      if (containers.contains(id)) die(id);
    });
  }
  void tell(const std::string& action, const std::string& id, std::string type = "container") {
    if (!on_event_) return;
    docker::Event event;
    event.type = std::move(type);
    event.action = action;
    event.id = id;
    on_event_(std::move(event));
  }
  void told(const std::string& id, std::string_view bytes) {
    const Metered metered(own_time);
    FakeContainer& it = containers.at(id);
    for (const auto line : split(trim(bytes), '\n')) {
      const auto command = program::decode(line);
      if (command) it.commands.push_back(*command);
    }
    const bool is_lease = !it.commands.empty() && std::holds_alternative<program::Lease>(it.commands.back());
    answer(it, is_lease);
  }
  // As the injector does after every program: everything that shall hold now, holds. A lease is no news.
  void answer(FakeContainer& it, bool is_lease = false) {
    if (it.container.state != "running" || !it.attached || !injectors_answer) return;
    const program::Program* newest = nullptr;
    bool paused = false;
    for (const auto& command : it.commands) {
      if (std::holds_alternative<program::Pause>(command)) paused = true;
      if (std::holds_alternative<program::Unpause>(command)) paused = false;
      if (std::holds_alternative<program::Stop>(command))
        return asio::post(executor_, [this, id = it.container.id] {
          if (containers.contains(id)) destroy(id);
        });
      if (const auto* program = std::get_if<program::Program>(&command)) newest = program;
    }
    if (newest == nullptr) return;
    program::State state{newest->revision, std::string(version), "userspace", paused, true, true, {}, ""};
    const Time now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    const auto held = std::exchange(it.since, {});
    for (const auto& entry : newest->entries) {
      const auto window = policy::window_at(entry.schedule, now);
      if (paused || !window || !policy::is_hit(entry.schedule, entry.policy, entry.target, window->index)) continue;
      if (entry.picked && std::ranges::find(*entry.picked, window->index) == entry.picked->end()) continue;
      for (const auto& failure : entry.failures) {
        const std::string name(failure::name_of(failure));
        const auto before = held.find({entry.policy, name, window->index});
        const Time started = before == held.end() ? now : before->second;
        it.since[{entry.policy, name, window->index}] = started;
        state.active.push_back({entry.policy, entry.target, name, window->index, window->begin, window->end, started});
      }
    }
    state.clean = state.active.empty();
    std::string line = program::to_json_line(state);
    const bool is_known = std::exchange(it.last_state, line) == line;
    it.output.push_back((is_lease && is_known ? program::to_json_line(program::Alive{}) : line) + "\n");
    it.log = last_lines(it.log + it.output.back(), 1000);
    if (it.readable) it.readable->notify();
  }

  asio::any_io_executor executor_;
  control::SystemTiming timing_;
  control::Signal events_end_;
  std::function<void(docker::Event)> on_event_;
  int next_id_ = 0;
  int cuts_ = 0;  // of streams
  bool image_loaded_ = false;
};

}  // namespace entropy::fakes
