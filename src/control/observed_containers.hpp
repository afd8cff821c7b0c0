// Containers as they are observed. One that did not change is the same value in many observations, shared: a look at
// ten thousand of them copies none.
#pragma once

#include <boost/iterator/indirect_iterator.hpp>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "docker/engine.hpp"

namespace entropy::control {

// A container that is up (running or paused).
struct ObservedContainer {
  std::string endpoint;
  docker::Container container;                 // its labels, and those of its Swarm service
  std::string started_at;                      // tells one start of it from the next
  std::vector<Prefix> service_addresses = {};  // the virtual ones of its Swarm service, as clients know it
  std::string health_output = {};              // of its HEALTHCHECK, where it was looked at
};

// A list of them. What is changed in one list stays as it is in others (copy on write).
class ObservedContainers {
 public:
  using Shared = std::shared_ptr<const ObservedContainer>;

  ObservedContainers() = default;
  ObservedContainers(std::initializer_list<ObservedContainer> all) {
    for (const auto& each : all) push_back(each);
  }

  void push_back(ObservedContainer container) {
    all_.push_back(std::make_shared<const ObservedContainer>(std::move(container)));
  }
  void push_back(Shared container) { all_.push_back(std::move(container)); }
  void reserve(std::size_t count) { all_.reserve(count); }
  void clear() { all_.clear(); }

  auto begin() const { return boost::make_indirect_iterator(all_.begin()); }
  auto end() const { return boost::make_indirect_iterator(all_.end()); }
  std::size_t size() const { return all_.size(); }
  bool empty() const { return all_.empty(); }
  const ObservedContainer& operator[](std::size_t at) const { return *all_[at]; }

  ObservedContainer& edit(std::size_t at) {
    auto copy = std::make_shared<ObservedContainer>(*all_.at(at));
    ObservedContainer& mine = *copy;
    all_[at] = std::move(copy);
    return mine;
  }
  ObservedContainer& edit_last() { return edit(all_.size() - 1); }

 private:
  std::vector<Shared> all_;
};

}  // namespace entropy::control
