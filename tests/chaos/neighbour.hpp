// Another Entropy on the same engines, with policies of its own and its own end.
#pragma once

#include <functional>
#include <string>

#include "chaos/expectation.hpp"

namespace entropy::chaos {

class Neighbour {
 public:
  using Voice = std::function<void(const std::string&)>;
  // `say` tells the story, `broken` what went wrong.
  Neighbour(World& world, Duration lease, Voice say, Voice broken);

  void act();
  // As Service::work; killed, it comes back after a while, or never.
  void work();
  void calm_down();
  void remove_all();

  bool is_gone() const { return gone_; }
  Service& service() { return service_; }
  Intent intent() const;

 private:
  void begin();
  void stop();
  void end();

  World& world_;
  Voice say_;
  Voice broken_;
  Service service_;
  int names_ = 0;
  bool gone_ = false;  // for good
};

}  // namespace entropy::chaos
