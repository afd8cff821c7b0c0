// A policy that was understood is written as JSON that makes the same policy, for clients and for the store.
#include "policy/policy_json.hpp"

#include "check.hpp"

namespace entropy::fuzz {
namespace {

// With the name that the service gives where the user gives none.
policy::Policy named(policy::Policy policy) {
  if (policy.name.empty()) policy.name = "given-by-the-service";
  return policy;
}

}  // namespace

void check(std::string_view input) {
  const auto value = policy::parse_json(input);
  if (!value) return;
  const auto draft = policy::draft_from_json(*value);
  if (!draft) return require(!draft.error().fields.empty() || !value->is_object());
  const policy::Policy policy = named(draft->policy);

  const auto again = policy::draft_from_json(policy::to_json(policy));
  require(again && again->policy == policy);

  const policy::Record record = {policy, 7, Time(Duration(1)), Time(Duration(2))};
  require(policy::deserialize(policy::serialize(record)) == record);

  const auto printed = policy::parse_json(policy::print_json(policy::to_json(policy)));
  require(printed && policy::draft_from_json(*printed)->policy == policy);
}

}  // namespace entropy::fuzz
