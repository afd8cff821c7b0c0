// Ends of containers that no event told of, for conditions that are about ends: while the service was dead or the
// engine out of reach. The engine remembers of each container when it ended last; one that was removed since stays
// unknown.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "control/endpoint.hpp"
#include "control/plan.hpp"
#include "control/timing.hpp"

namespace entropy::control {

// One thread; its coroutines must not outlive it.
class MissedEnds {
 public:
  // `wake` is called when an end was found.
  MissedEnds(Timing& timing, std::function<void()> wake) : timing_(timing), wake_(std::move(wake)) {}

  // Inspects those that such a condition of a policy is about and that were not inspected since their engine was
  // reached.
  void look(const Desired& desired, const Index& index, const std::vector<std::unique_ptr<Endpoint>>& endpoints);
  // Of those, the latest ends, whenever they were.
  const std::vector<ObservedEnd>& found() const { return found_; }

 private:
  boost::asio::awaitable<void> inspect(Endpoint& where, std::vector<ObservedContainers::Shared> containers);
  // Whether it has ever ended.
  bool note(const Endpoint& where, const ObservedContainer& container);

  Timing& timing_;
  std::function<void()> wake_;
  std::map<std::string, std::set<std::string>> inspected_;  // by endpoint, ids
  std::vector<ObservedEnd> found_;
};

}  // namespace entropy::control
