// The simulated hosts' engines as one life of a manager sees them: over a network with weather, until the manager is
// killed.
#pragma once

#include <optional>

#include "chaos/host.hpp"
#include "control/signal.hpp"

namespace entropy::chaos {

// Of a manager. When it is dead, whatever its code still does reaches nobody.
struct Life {
  std::string manager;
  bool dead = false;
  // kill -9 when so many more calls of an engine, or commits, have begun; before or after they are done.
  std::optional<int> calls_left;
  std::optional<int> commits_left;
  bool afterwards = false;
};

class HostClient final : public docker::Engine {
 public:
  HostClient(Host& host, Agenda& agenda, Dice& dice, const Weather& weather, control::Timing& timing,
             std::shared_ptr<Life> life);
  ~HostClient() override;
  HostClient(const HostClient&) = delete;
  HostClient& operator=(const HostClient&) = delete;

  docker::Task<> ping() override;
  docker::Task<docker::EngineInfo> info() override;
  docker::Task<std::vector<docker::Container>> list_containers(bool all, std::vector<std::string> labels) override;
  docker::Task<docker::ContainerDetails> inspect_container(std::string id) override;
  docker::Task<std::string> create_container(docker::ContainerSpec spec) override;
  docker::Task<> start_container(std::string id) override;
  docker::Task<> stop_container(std::string id, Duration grace) override;
  docker::Task<> kill_container(std::string id, std::string signal) override;
  docker::Task<> restart_container(std::string id, Duration grace) override;
  docker::Task<> pause_container(std::string id) override;
  docker::Task<> unpause_container(std::string id) override;
  docker::Task<> update_container(std::string id, docker::Limits limits) override;
  docker::Task<docker::Usage> container_usage(std::string id) override;
  docker::Task<> remove_container(std::string id, bool volumes) override;
  docker::Task<> logs(std::string id, bool follow, std::size_t tail,
                      std::function<bool(std::string_view)> sink) override;
  docker::Task<std::unique_ptr<docker::AttachStream>> attach(std::string id) override;
  docker::Task<bool> has_image(std::string reference) override;
  docker::Task<docker::ImageDetails> inspect_image(std::string reference) override;
  docker::Task<std::vector<docker::ImageDetails>> list_images(std::vector<std::string> labels) override;
  docker::Task<> pull_image(std::string reference) override;
  docker::Task<std::vector<docker::SwarmService>> list_services() override;
  docker::Task<> load_image(std::string tar) override;
  docker::Task<> events(std::function<void()> on_open, std::function<void(docker::Event)> on_event) override;

 private:
  template <class T>
  docker::Task<T> call(std::function<Result<T>()> effect);
  // The same of what changes a container, which may not be another manager's.
  docker::Task<> change(std::string id, std::function<Result<>(Host&)> effect);
  Duration travel_time();

  Host& host_;
  Agenda& agenda_;
  Dice& dice_;
  const Weather& weather_;
  control::Timing& timing_;
  std::shared_ptr<Life> life_;
  std::shared_ptr<Subscription> subscription_;
};

}  // namespace entropy::chaos
