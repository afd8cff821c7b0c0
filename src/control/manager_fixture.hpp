// A manager on a fake engine, for its tests.
#pragma once

#include <gmock/gmock.h>

#include "control/manager.hpp"
#include "control/spawn.hpp"
#include "fakes/fake_clock.hpp"
#include "fakes/fake_engine.hpp"
#include "fakes/metric_value.hpp"

namespace entropy::control {

namespace asio = boost::asio;
using namespace std::chrono_literals;

inline policy::Draft draft(std::string_view json) { return *policy::draft_from_json(*policy::parse_json(json)); }
inline policy::Draft partition(std::string_view name, std::string_view selector) {
  return draft(concat(R"({"name": ")", name, R"(", "selector": ")", selector, R"(", "failure": "partition"})"));
}

// An engine that is followed, and a journal, for parts that need no manager.
struct FollowedEngine {
  FollowedEngine(asio::io_context& io, Timing& timing, const Clock& clock, store::Store& store)
      : journal(store, clock, metrics) {
    auto fake = std::make_unique<fakes::FakeEngine>(io.get_executor());
    engine = fake.get();
    const Endpoint::Handlers handlers{[] {}, [](const auto&, const auto&) { return true; }};
    endpoints.push_back(std::make_unique<Endpoint>("e", std::move(fake), timing, clock, handlers));
    spawn(io.get_executor(), "following", endpoints.front()->run());
  }
  bool shows(const std::string& id) const {
    return !endpoints.front()->lost() && endpoints.front()->containers().contains(id);
  }

  fakes::FakeEngine* engine = nullptr;
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  Metrics metrics;
  Journal journal;
};

class ManagerTest : public testing::Test {
 protected:
  ManagerTest() { start_service(); }
  ~ManagerTest() override { stop_service(); }

  void start_service() {
    begin_service();
    until([&] { return manager_->endpoints().front().up; });
  }
  // Nothing is known of its engine yet.
  void begin_service() {
    auto fake = std::make_unique<fakes::FakeEngine>(io_.get_executor());
    fake->containers = kept_;
    engine_ = fake.get();
    options.manager_id = "m1";
    options.image = {"entropy-injector:x", "tar"};
    manager_ = *Manager::make(timing_, *store_, clock_, options);
    manager_->add_endpoint("fake", std::move(fake));
    spawn(io_.get_executor(), "the manager", manager_->run());
  }
  void restart_service(Duration lease) {
    stop_service();
    options.lease = lease;
    start_service();
  }
  // In the owner's network namespace, as a sidecar.
  std::string run_beside(const std::string& owner, std::string name, docker::Labels labels) {
    const auto id = engine_->run_container(std::move(name), std::move(labels));
    engine_->containers.at(id).container.network_mode = concat("container:", owner);
    return id;
  }
  // Like kill -9: no rollback; what the engine holds stays.
  void stop_service() {
    if (!manager_) return;
    kept_ = engine_->containers;
    io_.stop();
    io_.restart();
    dead_.push_back(std::move(manager_));
  }

  template <class Condition>
  void until(Condition condition, Duration within = 20s) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    while (!condition() && std::chrono::steady_clock::now() < deadline) io_.run_one_for(10ms);
    EXPECT_TRUE(condition());
  }
  template <class T>
  Result<T> wait_for(Task<T> task) {
    std::optional<Result<T>> result;
    asio::co_spawn(io_, std::move(task), [&](std::exception_ptr error, Result<T> value) {
      EXPECT_FALSE(error);
      result = std::move(value);
    });
    until([&] { return result.has_value(); });
    return result.value_or(fail(ErrorCode::internal, "no answer"));
  }
  Phase phase(std::string_view name) { return manager_->policy(name)->status.phase; }
  double metric(std::string_view name, const prometheus::Labels& labels = {}) {
    return fakes::metric_value(manager_->metrics().collect(), name, labels).value_or(-1);
  }
  double windows(const char* policy, const char* outcome) {
    return metric("entropy_windows_total", {{"policy", policy}, {"outcome", outcome}});
  }

  ManagerOptions options;
  asio::io_context io_;
  SystemTiming timing_{io_.get_executor()};
  fakes::JumpingClock clock_;
  std::unique_ptr<store::Store> store_ = *store::Store::open(":memory:");
  fakes::FakeEngine* engine_ = nullptr;
  std::map<std::string, fakes::FakeContainer> kept_;
  std::unique_ptr<Manager> manager_;
  std::vector<std::unique_ptr<Manager>> dead_;
};

}  // namespace entropy::control
