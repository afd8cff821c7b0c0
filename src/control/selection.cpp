#include "control/selection.hpp"

#include <algorithm>

namespace entropy::control {

Selection::Selection(const std::vector<ObservedContainer>& containers, const std::vector<policy::Record>& policies)
    : containers_(containers) {
  for (const auto& record : policies) {
    const auto* exact = record.policy.selector.exact();
    if (exact == nullptr) continue;
    if (exact->attribute) {
      attributes_.try_emplace(*exact->attribute);
    } else {
      labels_.try_emplace(exact->key);
    }
  }
  for (const auto& container : containers) {
    add_labels(container);
    add_attributes(container);
  }
}

// Both maps are in the order of their keys.
void Selection::add_labels(const ObservedContainer& container) {
  const auto& labels = container.container.labels;
  auto label = labels.begin();
  auto table = labels_.begin();
  while (label != labels.end() && table != labels_.end()) {
    const int order = table->first.compare(label->first);
    if (order == 0) table->second[label->second].push_back(&container);
    if (order >= 0) ++label;
    if (order <= 0) ++table;
  }
}

void Selection::add_attributes(const ObservedContainer& container) {
  for (auto& [attribute, table] : attributes_) {
    subject_of(container).any(attribute, [&](std::string_view value) {
      table[value].push_back(&container);
      return false;
    });
  }
}

Selection::Found Selection::candidates(const policy::Requirement& exact) const {
  const Table& table = exact.attribute ? attributes_.at(*exact.attribute) : labels_.at(exact.key);
  Found all;
  for (const auto& value : exact.values) {
    const auto found = table.find(value);
    if (found != table.end()) all.insert(all.end(), found->second.begin(), found->second.end());
  }
  // They lie in one vector, in the order of observation; one may have several values of an attribute.
  std::ranges::sort(all);
  const auto again = std::ranges::unique(all);
  all.erase(again.begin(), again.end());
  return all;
}

std::vector<const ObservedContainer*> Selection::of(const policy::Selector& selector) const {
  if (const auto* exact = selector.exact()) {
    Found found = candidates(*exact);
    std::erase_if(found, [&](const auto* each) { return !selector.matches(subject_of(*each)); });
    return found;
  }
  Found found;
  for (const auto& container : containers_) {
    if (selector.matches(subject_of(container))) found.push_back(&container);
  }
  return found;
}

}  // namespace entropy::control
