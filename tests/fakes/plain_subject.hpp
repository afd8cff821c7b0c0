// A selector's subject that is what it is made of.
#pragma once

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "policy/selector.hpp"

namespace entropy::fakes {

struct PlainSubject final : policy::Subject {
  using Attributes = std::vector<std::pair<policy::Attribute, std::string>>;

  PlainSubject(std::map<std::string, std::string, std::less<>> its_labels, Attributes its_attributes)
      : labels(std::move(its_labels)), attributes(std::move(its_attributes)) {}

  const std::string* label(const std::string& key) const override {
    const auto found = labels.find(key);
    return found == labels.end() ? nullptr : &found->second;
  }
  bool any(policy::Attribute attribute, const Take& take) const override {
    return std::ranges::any_of(attributes,
                               [&](const auto& each) { return each.first == attribute && take(each.second); });
  }

  std::map<std::string, std::string, std::less<>> labels;
  Attributes attributes;
};

}  // namespace entropy::fakes
