// Whatever a file holds, it is read or every problem has a place in it; what was read is printed as a file that says
// the same.
#include "policy/policy_file.hpp"

#include "check.hpp"
#include "policy/json_document.hpp"
#include "policy/yaml_text.hpp"

namespace entropy::fuzz {
namespace {

void check_places(std::string_view input, const std::vector<policy::Problem>& problems) {
  const auto lines = static_cast<std::size_t>(std::ranges::count(input, '\n')) + 1;
  for (const auto& each : problems) {
    // A lone carriage return ends a line for yaml-cpp as well.
    require(each.place.line >= 1 &&
            each.place.line <= lines + static_cast<std::size_t>(std::ranges::count(input, '\r')) + 1);
    require(each.place.column >= 1 && !each.message.empty());
  }
}

void check_values(const policy::Documents& read) {
  for (const auto& document : read.documents) {
    const std::string text = policy::print_yaml(document.value);
    const auto again = policy::read_yaml(text);
    require(again.problems.empty() && again.documents.size() == 1);
    // Fractions may have become whole numbers; their text is the same from then on.
    require(policy::print_yaml(again.documents.front().value) == text);
  }
}

}  // namespace

void check(std::string_view input) {
  const auto yaml = policy::read_yaml(input);
  const auto json = policy::read_json_documents(input);
  check_places(input, yaml.problems);
  check_places(input, json.problems);
  if (yaml.problems.empty()) check_values(yaml);
  // The API reads JSON by itself: what is one value to both is the same one.
  const auto alone = policy::parse_json(input);
  if (alone && json.problems.empty()) require(json.documents.size() == 1 && json.documents.front().value == *alone);

  const auto file = policy::read_policy_file("x.yaml", input);
  require(file ? yaml.problems.empty() || json.problems.empty() : !file.error().fields.empty());
  if (!file) return;
  std::vector<policy::Policy> policies;
  for (const auto& each : *file) {
    const auto same_name = [&](const policy::Policy& other) { return other.name == each.draft.policy.name; };
    if (std::ranges::none_of(policies, same_name)) policies.push_back(each.draft.policy);
  }
  const auto again = policy::read_policy_file("y.yaml", policy::print_yaml(policy::to_document("set", policies)));
  require(again && again->size() == policies.size());
  for (std::size_t i = 0; i < policies.size(); ++i) require(again->at(i).draft.policy == policies[i]);
}

}  // namespace entropy::fuzz
