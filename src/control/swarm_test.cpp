#include "control/swarm.hpp"

#include <gmock/gmock.h>

namespace entropy::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Swarm, AContainersLabelWinsOverItsServices) {
  const Services services = {{"s1", {"s1", "web", {{"tier", "gold"}, {"team", "a"}}}}};
  docker::Container task;
  task.labels = {{"com.docker.swarm.service.id", "s1"}, {"team", "b"}};
  add_service_labels(task, services);
  EXPECT_THAT(task.labels,
              UnorderedElementsAre(Pair("com.docker.swarm.service.id", "s1"), Pair("team", "b"), Pair("tier", "gold")));
  docker::Container other;
  other.labels = {{"com.docker.swarm.service.id", "s2"}};
  const docker::Container before = other;
  add_service_labels(other, services);
  EXPECT_EQ(other, before);
  docker::Container none;
  add_service_labels(none, services);
  EXPECT_THAT(none.labels, IsEmpty());
}

TEST(Swarm, VirtualAddressesAreItsServices) {
  const Services services = {{"s1", {"s1", "web", {}, {"10.0.0.4/24", "10.0.1.2/24", "nonsense"}}}};
  docker::Container task;
  EXPECT_THAT(service_addresses(task, services), IsEmpty());
  task.labels = {{"com.docker.swarm.service.id", "s1"}};
  EXPECT_THAT(service_addresses(task, services), ElementsAre(*parse_prefix("10.0.0.4"), *parse_prefix("10.0.1.2")));
}

TEST(Swarm, SaysWhereTheLabelsOfServicesAreNotKnown) {
  EXPECT_EQ(swarm_note({"", false, "", {}}, {}), "");
  EXPECT_EQ(swarm_note({"inactive", false, "", {}}, {}), "");
  EXPECT_EQ(swarm_note({"active", true, "n1", {"n1"}}, {"n1"}), "");
  const docker::SwarmNode worker{"active", false, "n2", {"n1"}};
  EXPECT_EQ(swarm_role(worker), "worker");
  EXPECT_THAT(swarm_note(worker, {}), HasSubstr("worker of its Swarm"));
  EXPECT_THAT(swarm_note(worker, {"of another Swarm"}), HasSubstr("--container-label"));
  EXPECT_EQ(swarm_note(worker, {"n1"}), "");
  EXPECT_THAT(swarm_note({"locked", false, "n1", {}}, {}), HasSubstr("its Swarm is \"locked\""));
}

}  // namespace
}  // namespace entropy::control
