#include "control/peers.hpp"

#include <gmock/gmock.h>

#include "control/namespaces.hpp"
#include "failure/catalogue.hpp"

namespace entropy::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ObservedContainer container(std::string name, std::string ip, docker::Labels labels = {}) {
  ObservedContainer observed;
  observed.endpoint = "here";
  observed.container.id = name + "-id";
  observed.container.name = std::move(name);
  observed.container.network_mode = "front";
  observed.container.networks = {{"front", std::move(ip), ""}};
  observed.container.labels = std::move(labels);
  return observed;
}

policy::Policy policy_with(failure::Params params) {
  policy::Policy policy;
  policy.failures = {*failure::parse("partition", params)};
  return policy;
}

std::vector<std::string> texts(const std::vector<Prefix>& addresses) {
  std::vector<std::string> all;
  for (const auto& address : addresses) all.push_back(to_string(address));
  return all;
}

class PeersTest : public testing::Test {
 protected:
  PeersTest() {
    observed_.containers = {container("web", "10.0.0.2", {{"service", "web"}}),
                            container("db-1", "10.0.0.3", {{"service", "db"}}),
                            container("db-2", "10.0.0.4", {{"service", "db"}, {"com.docker.compose.service", "store"}}),
                            container("safe", "10.0.0.5", {{"service", "db"}, {"entropy.protect", "true"}})};
    observed_.containers.edit(1).container.networks.push_back({"back", "10.1.0.3", "fd00::3"});
  }
  std::vector<std::string> resolved(const std::string& text, std::size_t target = 0,
                                    const std::string& list = "peers") {
    const auto policy = policy_with({{list, text}});
    const Index index(observed_);
    const auto all = PeerResolver(policy, index).for_target(observed_.containers[target]);
    return all.contains(text) ? texts(all.at(text)) : std::vector<std::string>{"nothing"};
  }
  Observed observed_;
};

TEST_F(PeersTest, ASelectorIsWhoeverItMatchesButTheProtected) {
  EXPECT_THAT(resolved("service=db"), ElementsAre("10.0.0.3", "10.0.0.4", "10.1.0.3", "fd00::3"));
  EXPECT_THAT(resolved("service=db", 0, "exclude"),
              ElementsAre("10.0.0.3", "10.0.0.4", "10.0.0.5", "10.1.0.3", "fd00::3"));
  EXPECT_THAT(resolved("service=none"), IsEmpty());
}

TEST_F(PeersTest, ANameIsAContainerOrAServiceOrAHost) {
  EXPECT_THAT(resolved("db-2"), ElementsAre("10.0.0.4"));
  EXPECT_THAT(resolved("store"), ElementsAre("10.0.0.4"));
  EXPECT_THAT(resolved("example.com"), IsEmpty());
  observed_.hosts["example.com"] = {*parse_prefix("93.184.216.34")};
  EXPECT_THAT(resolved("example.com"), ElementsAre("93.184.216.34"));
  EXPECT_THAT(resolved("10.0.0.3"), ElementsAre("nothing")) << "an address is what it is";
}

TEST_F(PeersTest, TheTargetIsNoPeerOfItsOwn) {
  EXPECT_THAT(resolved("service=db", 1), ElementsAre("10.0.0.4"));
  auto sidecar = container("sidecar", "", {{"service", "db"}});
  sidecar.container.network_mode = "container:db-1-id";
  sidecar.container.networks.clear();
  observed_.containers.push_back(sidecar);
  EXPECT_THAT(resolved("@name=sidecar", 1), IsEmpty()) << "it shares the target's network";
  EXPECT_THAT(resolved("@name=sidecar", 0), ElementsAre("10.0.0.3", "10.1.0.3", "fd00::3"));
}

TEST_F(PeersTest, OtherEnginesAreOtherNetworksUnlessSwarmJoinsThem) {
  auto far = container("far", "10.0.0.9", {{"service", "db"}, {"com.docker.swarm.task.id", "t1"}});
  far.endpoint = "there";
  observed_.containers = {observed_.containers[0], far};
  EXPECT_THAT(resolved("service=db"), IsEmpty());
  observed_.containers.edit(0).container.labels["com.docker.swarm.task.id"] = "t2";
  EXPECT_THAT(resolved("service=db"), ElementsAre("10.0.0.9"));
}

TEST_F(PeersTest, NamesOfNoContainerAreToBeLookedUp) {
  policy::Record record;
  record.policy =
      policy_with({{"peers", "db-1"}, {"peers", "example.com"}, {"exclude", "other.example"}, {"peers", "service=db"}});
  EXPECT_THAT(host_names({record}, observed_), ElementsAre("example.com", "other.example"));
  record.policy.running = false;
  EXPECT_THAT(host_names({record}, observed_), IsEmpty());
}

TEST_F(PeersTest, AVirtualAddressIsAPeerWhereAllOfItsTasksAre) {
  const auto task = [](std::string name, std::string ip, docker::Labels labels) {
    labels["com.docker.swarm.service.id"] = "s1";
    auto made = container(std::move(name), std::move(ip), std::move(labels));
    made.service_addresses = {*parse_prefix("10.0.1.2")};
    return made;
  };
  observed_.containers.push_back(task("api.1", "10.0.1.3", {{"tier", "api"}, {"slot", "1"}}));
  observed_.containers.push_back(task("api.2", "10.0.1.4", {{"tier", "api"}, {"slot", "2"}}));
  EXPECT_THAT(resolved("tier=api"), ElementsAre("10.0.1.2", "10.0.1.3", "10.0.1.4"));
  EXPECT_THAT(resolved("slot=1"), ElementsAre("10.0.1.3")) << "the other task is not meant";
  observed_.containers.edit_last().container.labels["entropy.protect"] = "true";
  EXPECT_THAT(resolved("tier=api"), ElementsAre("10.0.1.3")) << "the protected one is behind it, too";
}

TEST_F(PeersTest, AHostThatCantBeResolvedIsSaid) {
  const auto policy = policy_with({{"exclude", "db.example.com"}});
  EXPECT_EQ(unresolved_among(policy.failures[0], observed_), "");
  observed_.unresolved["db.example.com"] = "Host not found";
  EXPECT_EQ(unresolved_among(policy.failures[0], observed_),
            "db.example.com among exclude is no container and can't be resolved: Host not found");
}

}  // namespace
}  // namespace entropy::control
