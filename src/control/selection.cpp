#include "control/selection.hpp"

#include <algorithm>

namespace entropy::control {

Selection::Selection(const ObservedContainers& containers, const std::vector<policy::Record>& policies)
    : containers_(containers) {
  for (const auto& record : policies) {
    const auto* exact = record.policy.selector.exact();
    if (exact == nullptr) continue;
    Table& table = exact->attribute ? attributes_[*exact->attribute] : labels_[exact->key];
    for (const auto& value : exact->values) table.try_emplace(value);
  }
  for (std::uint32_t place = 0; place < containers.size(); ++place) {
    add_labels(place);
    add_attributes(place);
  }
}

void Selection::add(Table& table, std::string_view value, std::uint32_t place) {
  const auto wanted = table.find(value);
  if (wanted != table.end()) wanted->second.push_back(place);
}

// Both maps are in the order of their keys.
void Selection::add_labels(std::uint32_t place) {
  const docker::Labels& labels = containers_[place].container.labels;
  const docker::Labels::key_compare precedes;
  auto label = labels.begin();
  auto table = labels_.begin();
  while (label != labels.end() && table != labels_.end()) {
    if (precedes(label->first, table->first)) {
      ++label;
    } else if (precedes(table->first, label->first)) {
      ++table;
    } else {
      add(table->second, label->second, place);
      ++label;
      ++table;
    }
  }
}

void Selection::add_attributes(std::uint32_t place) {
  for (auto& [attribute, table] : attributes_) {
    subject_of(containers_[place]).any(attribute, [&](std::string_view value) {
      add(table, value, place);
      return false;
    });
  }
}

// In the order of observation, each once: one may have several values of an attribute.
Selection::Places Selection::candidates(const policy::Requirement& exact) const {
  const Table& table = exact.attribute ? attributes_.at(*exact.attribute) : labels_.at(exact.key);
  Places all;
  for (const auto& value : exact.values) {
    const auto found = table.find(value);
    if (found != table.end()) all.insert(all.end(), found->second.begin(), found->second.end());
  }
  std::ranges::sort(all);
  const auto again = std::ranges::unique(all);
  all.erase(again.begin(), again.end());
  return all;
}

std::vector<const ObservedContainer*> Selection::of(const policy::Selector& selector) const {
  std::vector<const ObservedContainer*> found;
  const auto add = [&](const ObservedContainer& container) {
    if (selector.matches(subject_of(container))) found.push_back(&container);
  };
  if (const auto* exact = selector.exact()) {
    for (const auto place : candidates(*exact)) add(containers_[place]);
  } else {
    std::ranges::for_each(containers_, add);
  }
  return found;
}

}  // namespace entropy::control
