// What one look at everything costs: a plan for many containers and policies, and the index that it is made with.
#include <benchmark/benchmark.h>

#include "base/text.hpp"
#include "base/version.hpp"
#include "control/labels.hpp"
#include "control/namespaces.hpp"
#include "failure/catalogue.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;

constexpr Time now = Time(1'000'000s);
constexpr std::size_t policies = 100;
const std::string endpoint = "unix:///var/run/docker.sock";

std::string padded(std::size_t number) {
  std::string digits = std::to_string(number);
  return std::string(6 - digits.size(), '0') + digits;
}

// A service for every ten containers, with the labels that Compose and people put on them.
ObservedContainer container(std::size_t number) {
  ObservedContainer observed;
  observed.endpoint = endpoint;
  observed.started_at = "2026-01-01T00:00:00.000000000Z";
  observed.container.id = concat(padded(number), std::string(58, 'a'));
  observed.container.name = concat("shop-service", number / 10, "-", number % 10);
  observed.container.image = "registry.example/shop/service:1.2.3";
  observed.container.state = "running";
  observed.container.network_mode = "shop_default";
  observed.container.networks = {{"shop_default", "10.0.0.2", ""}};
  observed.container.labels = {{"com.docker.compose.config-hash", std::string(64, 'c')},
                               {"com.docker.compose.container-number", std::to_string(number % 10)},
                               {"com.docker.compose.oneoff", "False"},
                               {"com.docker.compose.project", "shop"},
                               {"com.docker.compose.service", concat("service", number / 10)},
                               {"com.docker.compose.version", "2.29.1"},
                               {"maintainer", "somebody"},
                               {"service", concat("service", number / 10)}};
  return observed;
}

policy::Record policy_for(std::size_t number, const std::string& selector) {
  policy::Record record;
  record.policy.name = concat("policy", number);
  record.policy.selector = *policy::Selector::parse(selector);
  record.policy.failures = {*failure::parse("latency", {{"delay", "100ms"}})};
  record.policy.schedule.epoch = now - 1s;
  record.policy.schedule.frequency = 10s;
  return record;
}

// By label, by attribute, by glob: as people write them, mostly the first. Each selects ten containers.
std::string selector_of(std::size_t number) {
  if (number % 10 == 0) return concat("@name=shop-service", number, "-*");
  if (number % 5 == 0) return concat("@service=service", number);
  return concat("service=service", number, ",maintainer");
}

// Every target has its injector, with the program that it should have: nothing is to be done.
void settle(const Desired& desired, Observed& observed) {
  for (const auto& action : plan(desired, Index(observed), now).actions) {
    const auto& create = std::get<CreateInjector>(action);
    ObservedInjector injector;
    injector.endpoint = create.endpoint;
    injector.id = concat("i", create.target_id);
    injector.target_id = create.target_id;
    injector.target_started = create.target_started;
    injector.running = injector.attached = true;
    injector.sent_revision = 1;
    injector.sent = create.entries;
    observed.injectors.push_back(std::move(injector));
  }
}

void plan_when_settled(benchmark::State& state) {
  Desired desired;
  for (std::size_t i = 0; i < policies; ++i) desired.policies.push_back(policy_for(i, selector_of(i)));
  Observed observed;
  for (std::size_t i = 0; i < static_cast<std::size_t>(state.range(0)); ++i) {
    observed.containers.push_back(container(i));
  }
  settle(desired, observed);
  std::size_t actions = 0;
  for (auto _ : state) actions += plan(desired, Index(observed), now).actions.size();
  if (actions != 0) state.SkipWithError("there is something to do");
  state.counters["targets"] = static_cast<double>(observed.injectors.size());
}
BENCHMARK(plan_when_settled)->Arg(100)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace entropy::control

BENCHMARK_MAIN();
