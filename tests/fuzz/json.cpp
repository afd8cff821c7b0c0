// What is read as JSON is printed, in both styles, as JSON that prints the same again.
#include "check.hpp"
#include "policy/policy_json.hpp"

namespace entropy::fuzz {

void check(std::string_view input) {
  const auto value = policy::parse_json(input);
  if (!value) return;
  const std::string compact = policy::print_json(*value);
  for (const auto style : {policy::JsonStyle::compact, policy::JsonStyle::indented}) {
    const auto again = policy::parse_json(policy::print_json(*value, style));
    require(again.has_value());
    require(policy::print_json(*again) == compact);
  }
}

}  // namespace entropy::fuzz
