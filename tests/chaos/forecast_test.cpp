// What the forecast says comes true: on virtual time, with a service that is killed in the middle of windows.
#include <gmock/gmock.h>

#include "base/text.hpp"
#include "chaos/service.hpp"

namespace entropy::chaos {
namespace {

using namespace std::chrono_literals;
using Row = std::tuple<std::string, std::uint64_t, Time>;  // target, window, planned start

class ForecastTest : public testing::Test {
 protected:
  ForecastTest() {
    world.hosts.push_back(std::make_unique<Host>("h1", world.agenda, world.dice, world.weather));
    for (int i = 1; i <= 5; ++i) {
      docker::ContainerSpec spec;
      spec.name = concat("web-", i);
      spec.labels["service"] = "web";
      spec.network_mode = "bridge";
      (void)world.hosts[0]->start(*world.hosts[0]->create(spec));
    }
  }
  void go(Duration time) {
    const Duration end = world.agenda.elapsed() + time;
    world.agenda.after(time, [] {});
    while (service.work() || !service.runs()) {
      if (world.agenda.next() > end) break;
      world.agenda.run_next();
    }
  }
  std::set<Row> history() {
    std::set<Row> rows;
    store::FaultQuery query;
    query.limit = 1000;
    for (const auto& row : *service.store().faults(query)) {
      const bool held = row.outcome == store::Outcome::completed || row.outcome == store::Outcome::cut_short;
      EXPECT_TRUE(held) << row.target << " " << row.window << " " << row.message;
      rows.emplace(row.target, row.window, row.planned_start);
    }
    return rows;
  }

  World world{7};
  Service service{world, "m1", 30s};
};

TEST_F(ForecastTest, ComesTrueAlsoOverDeathsOfTheServiceInMidWindow) {
  service.begin();
  go(1s);
  const auto draft = policy::draft_from_json(*policy::parse_json(
      R"({"name": "p", "selector": "service=web", "failure": "partition", "frequency": "10s", "duration": "6s",
          "probability": 0.6, "pick": "60%", "delay": "5s", "windows": 30})"));
  ASSERT_TRUE(service.manager().create_policy(*draft));
  const Time begin = world.agenda.now();
  go(2s);
  std::set<Row> foreseen;
  for (const auto& row : service.manager().forecast("p", begin + 1h))
    foreseen.emplace(row.target, row.window.index, row.window.begin);
  ASSERT_GT(foreseen.size(), 30U);
  for (int death = 0; death < 6; ++death) {
    go(45s + std::chrono::seconds(death));
    service.end();
    go(3s);  // nobody is there
    service.begin();
  }
  go(60s);
  EXPECT_EQ(history(), foreseen);
}

}  // namespace
}  // namespace entropy::chaos
