#include "chaos/wishes.hpp"

#include <vector>

#include "base/text.hpp"

namespace entropy::chaos {
namespace {

const std::vector<std::string> selectors = {"service=a", "service in (a,b)", "service!=a",
                                            "@name=t*",  "@network=net1",    "service=c"};
const std::vector<std::string> of_networks = {R"({"latency": {"delay": "50ms"}})", R"("partition")",
                                              R"({"loss": {"percent": 10}})",
                                              R"({"loss": {"percent": 5}, "latency": {"delay": "5ms"}})"};
const std::vector<std::string> of_containers = {
    R"("pause")", R"("stop")", R"({"cpu": {"limit": 0.2}, "pids": {"limit": 20}})", R"({"pids": {"limit": 10}})"};
const std::vector<std::string> schedules = {"",
                                            "",
                                            R"(, "frequency": "4s", "duration": "2s")",
                                            R"(, "frequency": "7s", "probability": 0.5)",
                                            R"(, "frequency": "1s", "duration": "300ms")",
                                            R"(, "duration": "20s", "delay": "3s")",
                                            R"(, "frequency": "10s", "duration": "9s", "ttl": "35s")",
                                            R"(, "frequency": "5s", "windows": 4)"};

}  // namespace

policy::Draft some_draft(Dice& dice, const std::string& name, bool of_network) {
  while (true) {
    const auto& failures = of_network || dice.chance(0.5) ? of_networks : of_containers;
    const std::string json =
        concat(R"({"name": ")", name, R"(", "selector": ")", dice.one_of(selectors), R"(", "failure": )",
               dice.one_of(failures), dice.one_of(schedules), dice.chance(0.1) ? R"(, "pick": "1")" : "",
               dice.chance(0.1) ? R"(, "state": "stopped")" : "", "}");
    auto made = policy::draft_from_json(*policy::parse_json(json));
    if (made) return std::move(*made);  // some windows are too short for a container
  }
}

}  // namespace entropy::chaos
