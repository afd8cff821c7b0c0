#include "cli/changes.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "cli/fields.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

using Flat = std::map<std::string, json::value>;

void flatten(Flat& flat, const std::string& path, const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr || object->empty()) {
    flat[path] = value;
    return;
  }
  for (const auto& [key, entry] : *object) {
    flatten(flat, path.empty() ? std::string(key) : concat(path, ".", std::string_view(key)), entry);
  }
}

// Empty: not there. A text that is empty, or that looks like the other side's number, is shown in quotes.
std::string show(const json::value* value, const json::value* other) {
  if (value == nullptr) return "";
  const std::string text = field_text(value);
  return text.empty() || value->is_object() || text == field_text(other) ? policy::print_json(*value) : text;
}

std::vector<Difference> differences_of(const json::object& before, const json::object& after) {
  Flat old_fields;
  Flat new_fields;
  if (!before.empty()) flatten(old_fields, "", before);
  flatten(new_fields, "", after);
  std::set<std::string> names;
  for (const auto& [name, value] : old_fields) names.insert(name);
  for (const auto& [name, value] : new_fields) names.insert(name);
  std::vector<Difference> differences;
  const auto value_in = [](const Flat& flat, const std::string& name) {
    const auto found = flat.find(name);
    return found == flat.end() ? nullptr : &found->second;
  };
  for (const auto& name : names) {
    const auto* was = value_in(old_fields, name);
    const auto* is = value_in(new_fields, name);
    const bool equal = was != nullptr && is != nullptr && *was == *is;
    if (name != "name" && !equal) differences.push_back({name, show(was, is), show(is, was)});
  }
  return differences;
}

json::object without_seed_if_none(const policy::Draft& draft) {
  json::object body = policy::to_json(draft.policy);
  if (!draft.has_seed) body.erase("seed");
  return body;
}

Change creation(const policy::Draft& draft) {
  Change change{Change::Kind::create, draft.policy.name, {}, false, {}, 0, without_seed_if_none(draft)};
  change.differences = differences_of({}, change.body);
  return change;
}

Result<Change> update(const json::value& answer, policy::Draft draft) {
  const auto before = policy_of(answer);
  if (!before) return fail(context(concat("the service's policy ", draft.policy.name), before.error()));
  if (!draft.has_seed) draft.policy.schedule.seed = before->policy.schedule.seed;
  draft.has_seed = true;
  Change change{Change::Kind::none, draft.policy.name, {}, false, {}, 0, policy::to_json(draft.policy)};
  change.differences = differences_of(policy::to_json(before->policy), change.body);
  if (!change.differences.empty()) change.kind = Change::Kind::update;
  change.begins_anew = policy::restarts_schedule(before->policy, draft.policy);
  if (set_of(before->policy) != set_of(draft.policy)) change.joins = set_of(draft.policy);
  change.revision = parse_unsigned(field_text(answer, "revision")).value_or(0);
  return change;
}

const json::value* find_policy(const json::value& current, std::string_view name) {
  for (const auto& each : current.get_array()) {
    if (field_text(each, "name") == name) return &each;
  }
  return nullptr;
}

std::string set_in(const json::value& answer) {
  const auto draft = policy_of(answer);
  return draft ? set_of(draft->policy) : "";
}

// A policy of another set is somebody else's, or the set was given another name.
void refuse_those_of_others(const json::value& current, const std::vector<policy::FilePolicy>& wanted,
                            std::vector<FieldError>& refused) {
  for (const auto& each : wanted) {
    const auto* known = find_policy(current, each.draft.policy.name);
    const std::string owner = known == nullptr ? "" : set_in(*known);
    if (owner.empty() || owner == each.set) continue;
    refused.push_back({each.place, concat(each.draft.policy.name, " is of the set ", owner, " and not of ", each.set,
                                          ": --take-over makes it one of these files'")});
  }
}

void add_removals(std::vector<Change>& changes, const json::value& current,
                  const std::vector<policy::FilePolicy>& wanted) {
  std::set<std::string> sets;
  for (const auto& each : wanted) sets.insert(each.set);
  for (const auto& answer : current.get_array()) {
    const std::string name = field_text(answer, "name");
    const auto is_it = [&](const policy::FilePolicy& each) { return each.draft.policy.name == name; };
    if (!sets.contains(set_in(answer)) || std::ranges::any_of(wanted, is_it)) continue;
    const auto revision = parse_unsigned(field_text(answer, "revision")).value_or(0);
    changes.push_back({Change::Kind::remove, name, {}, false, {}, revision, {}});
  }
}

}  // namespace

json::object policy_fields(const json::value& answer) {
  json::object fields;
  const auto* object = answer.if_object();
  if (object == nullptr) return fields;
  for (const auto& name : policy::field_names()) {
    if (const auto* value = object->if_contains(name)) fields[name] = *value;
  }
  return fields;
}

Result<policy::Draft> policy_of(const json::value& answer) { return policy::draft_from_json(policy_fields(answer)); }

std::string set_of(const policy::Policy& policy) {
  const auto label = policy.labels.find(std::string(set_label));
  return label == policy.labels.end() ? "" : label->second;
}

Result<std::vector<Change>> plan_changes(const json::value& current, const std::vector<policy::FilePolicy>& wanted,
                                         const ApplyTerms& terms) {
  if (!current.is_array()) return fail(ErrorCode::protocol, "the service does not answer with a list of policies");
  std::vector<FieldError> refused;
  if (!terms.take_over) refuse_those_of_others(current, wanted, refused);
  if (!refused.empty()) return fail(Error{ErrorCode::conflict, refused.front().message, refused});
  std::vector<Change> changes;
  for (const auto& each : wanted) {
    policy::Draft draft = each.draft;
    draft.policy.labels[std::string(set_label)] = each.set;
    const auto* known = find_policy(current, draft.policy.name);
    auto change = known == nullptr ? Result<Change>(creation(draft)) : update(*known, std::move(draft));
    if (!change) return fail(change.error());
    changes.push_back(std::move(*change));
  }
  if (terms.prune) add_removals(changes, current, wanted);
  return changes;
}

}  // namespace entropy::cli
