// Two services on one engine: of another's injectors.
#include "control/manager_fixture.hpp"

namespace entropy::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class NeighbouringManager : public ManagerTest {
 protected:
  void serve_web() {
    web = engine_->run_container("web", {{"service", "web"}});
    ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
    until([&] { return phase("cut") == Phase::active; });
  }
  std::string injector_of(const std::string& manager, const std::string& target) {
    return engine_->run_container(
        "entropy-old-name", {{"entropy.injector", "true"}, {"entropy.manager", manager}, {"entropy.target", target}});
  }
  std::string web;
};

TEST_F(NeighbouringManager, AnotherServicesInjectorBesideATargetIsSaidThoughItsNameTellsNothing) {
  web = engine_->run_container("web", {{"service", "web"}});
  const auto other = injector_of("m2", web);
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return phase("cut") == Phase::degraded; });
  EXPECT_THAT(manager_->policy("cut")->status.message,
              HasSubstr("another Entropy (manager m2) has its injector there"));
  engine_->destroy(other);
  until([&] { return phase("cut") == Phase::active; });
}

TEST_F(NeighbouringManager, AnotherServicesInjectorThatIsAboutToStartIsBesideATarget) {
  web = engine_->run_container("web", {{"service", "web"}});
  const auto other = injector_of("m2", web);
  engine_->containers.at(other).container.state = "created";
  engine_->repeat_event("create", other);
  while (io_.poll() > 0) {
  }
  ASSERT_TRUE(manager_->create_policy(partition("cut", "service=web")));
  until([&] { return phase("cut") == Phase::degraded; });
  EXPECT_EQ(engine_->injector_ids().size(), 1U);
  engine_->destroy(other);
  until([&] { return phase("cut") == Phase::active; });
}

TEST_F(NeighbouringManager, OfTwoInjectorsThatWereMadeInTheSameMomentOneStays) {
  serve_web();
  const auto theirs = injector_of("m0", web);
  until([&] { return phase("cut") == Phase::degraded; });
  until([&] { return engine_->injector_ids().size() == 1; });
  EXPECT_THAT(engine_->injector_ids(), ElementsAre(theirs));
  EXPECT_THAT(manager_->policy("cut")->status.message, HasSubstr("another Entropy (manager m0)"));
  engine_->destroy(theirs);
  until([&] { return phase("cut") == Phase::active; });
}

TEST_F(NeighbouringManager, TheServiceWhoseIdComesFirstKeepsItsInjector) {
  serve_web();
  injector_of("m2", web);
  until([&] { return manager_->endpoints().front().message.find("manager m2") != std::string::npos; });
  io_.run_for(100ms);
  EXPECT_EQ(engine_->injector_ids().size(), 2U);
  EXPECT_EQ(phase("cut"), Phase::active);
}

}  // namespace
}  // namespace entropy::control
