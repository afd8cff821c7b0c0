// What a manager costs on an engine in memory: 10,000 containers, 100 policies, 1,000 injectors. What the engine and
// the injectors in memory do themselves is told apart from it; prints Markdown.
// Usage: manager_cost [containers] [seconds of idleness]
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <boost/asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "control/manager.hpp"
#include "control/spawn.hpp"
#include "fakes/fake_engine.hpp"

namespace entropy {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t policies = 100;  // for ten containers each

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

class Bench {
 public:
  explicit Bench(std::size_t containers) : timing_(io_.get_executor()) {
    auto engine = std::make_unique<fakes::FakeEngine>(io_.get_executor());
    engine_ = engine.get();
    for (std::size_t i = 0; i < containers; ++i) {
      ids_.push_back(engine_->run_container(concat("shop-service", i / 10, "-", i % 10),
                                            {{"com.docker.compose.project", "shop"},
                                             {"com.docker.compose.service", concat("service", i / 10)},
                                             {"com.docker.compose.config-hash", std::string(64, 'c')},
                                             {"maintainer", "somebody"}}));
    }
    before_ = resident_mib();
    control::ManagerOptions options;
    options.manager_id = "bench";
    options.image = {"entropy-injector:x", "tar"};
    manager_ = *control::Manager::make(timing_, *store_, clock_, std::move(options));
    manager_->add_endpoint("fake", std::move(engine));
    control::spawn(io_.get_executor(), "the manager", manager_->run());
  }
  ~Bench() { io_.stop(); }

  void run(Duration idle) {
    until([&] { return manager_->endpoints().front().up; });
    for (std::size_t i = 0; i < policies; ++i) {
      const std::string json =
          concat(R"({"name": "p)", i, R"(", "selector": "@service=service)", i, R"(", "failure": "partition"})");
      (void)manager_->create_policy(*policy::draft_from_json(*policy::parse_json(json)));
    }
    until([&] { return manager_->info().active_faults == policies * 10; });
    settle(2s);
    std::printf("| what | seen |\n|---|---|\n");
    std::printf(
        "| manager with %zu containers, %zu policies, %zu injectors: resident memory | %.1f MiB more than the engine's "
        "own %.1f |\n",
        ids_.size(), policies, policies * 10, resident_mib() - before_, before_);
    const double span = std::chrono::duration<double>(idle).count();
    const Cost idle_cost = cost([&] { settle(idle); });
    std::printf("| … idle | %.2f %% of a core, and %.2f %% the engine and the injectors |\n",
                100 * idle_cost.manager / span, 100 * idle_cost.fakes / span);
    report_events("of a container that no policy selects", ids_.back());
    report_events("of a container that a policy selects", ids_.front());
  }

 private:
  template <class Condition>
  void until(Condition condition) {
    while (!condition()) io_.run_for(50ms);
  }
  void settle(Duration time) { io_.run_for(time); }
  // Seconds of processor time.
  struct Cost {
    double manager = 0;
    double fakes = 0;
  };
  template <class Work>
  Cost cost(Work work) {
    const double began = cpu_seconds();
    const auto fakes_before = engine_->own_time;
    work();
    const double fakes = std::chrono::duration<double>(engine_->own_time - fakes_before).count();
    return {cpu_seconds() - began - fakes, fakes};
  }
  void report_events(const char* what, const std::string& id) {
    constexpr int times = 200;
    const Cost events = cost([&] {
      for (int i = 0; i < times; ++i) {
        engine_->restart(id);
        io_.run_for(5ms);
      }
    });
    const Cost idle = cost([&] { io_.run_for(times * 5ms); });
    std::printf("| a restart %s (two events) | %.3f ms of CPU |\n", what,
                1000 * (events.manager - idle.manager) / times);
  }

  asio::io_context io_{1};
  control::SystemTiming timing_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = *store::Store::open(":memory:");
  fakes::FakeEngine* engine_ = nullptr;
  std::vector<std::string> ids_;
  double before_ = 0;
  std::unique_ptr<control::Manager> manager_;
};

}  // namespace
}  // namespace entropy

int main(int count, char** arguments) {
  spdlog::set_level(spdlog::level::off);
  const std::size_t containers = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 10'000;
  const int seconds = count > 2 ? std::atoi(arguments[2]) : 20;
  entropy::Bench(containers).run(std::chrono::seconds(seconds));
}
