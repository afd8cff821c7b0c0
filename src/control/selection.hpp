// Whom selectors select, for many selectors over the same containers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/plan.hpp"

namespace entropy::control {

// What the selectors ask for by exact values is looked up in tables of just these values, made in one walk over the
// containers; every container is compared only with a selector that has nothing but globs and negations. Refers to what
// it is made of.
class Selection {
 public:
  Selection(const ObservedContainers& containers, const std::vector<policy::Record>& policies);

  // In the order in which they were observed. Of one of the policies' selectors.
  std::vector<const ObservedContainer*> of(const policy::Selector& selector) const;

 private:
  using Places = std::vector<std::uint32_t>;                   // in the list of what was observed
  using Table = std::unordered_map<std::string_view, Places>;  // by value

  static void add(Table& table, std::string_view value, std::uint32_t place);
  void add_labels(std::uint32_t place);
  void add_attributes(std::uint32_t place);
  Places candidates(const policy::Requirement& exact) const;

  const ObservedContainers& containers_;
  std::map<std::string_view, Table, docker::ShorterFirst> labels_;  // by the key, in the order of a container's labels
  std::map<policy::Attribute, Table> attributes_;
};

}  // namespace entropy::control
