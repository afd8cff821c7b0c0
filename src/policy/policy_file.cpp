#include "policy/policy_file.hpp"

#include <algorithm>
#include <functional>

#include "base/text.hpp"
#include "policy/json_document.hpp"
#include "policy/yaml_text.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

// Reads one document; what is wrong is collected with its place.
class FileReader {
 public:
  FileReader(const std::string& file, const Document& document, std::vector<Problem>& problems)
      : file_(file), document_(document), problems_(problems) {}

  void read(std::vector<FilePolicy>& policies) {
    const auto* top = document_.value.if_object();
    if (top == nullptr || !top->contains("policies"))
      return refuse("", "there is no policies: in it, a map of policies by name");
    std::string set(default_set);
    for (const auto& [key, value] : *top) {
      if (key == "name") {
        set = read_set(value);
      } else if (key != "policies" && key != "$schema") {
        refuse(key, concat("unknown key ", entropy::quoted(key), did_you_mean(key, {"name", "policies"})));
      }
    }
    const auto* by_name = top->at("policies").if_object();
    if (by_name == nullptr || by_name->empty())
      return refuse("policies", "names no policy: it is a map, as in policies: {slow-db: {selector: ...}}");
    for (const auto& [name, value] : *by_name) read_policy(policies, set, name, value);
  }

 private:
  void refuse(std::string_view path, std::string message) {
    problems_.push_back({document_.place_of(path), std::move(message)});
  }

  std::string read_set(const json::value& value) {
    const auto* text = value.if_string();
    const auto checked = text == nullptr ? Result<>(fail(ErrorCode::invalid, "is not text")) : check_name(*text);
    if (checked) return std::string(*text);
    refuse("name", concat("name: ", checked.error().message));
    return {};
  }

  void read_policy(std::vector<FilePolicy>& policies, const std::string& set, const std::string& name,
                   const json::value& value) {
    const std::string path = concat("policies.", name);
    const auto* given = value.if_object();
    if (given == nullptr) return refuse(path, concat(name, ": a policy is a map, as in {selector: ..., failure: ...}"));
    FilePolicy policy;
    policy.set = set;
    const Place place = document_.place_of(path);
    policy.place = concat(file_, ":", place.line, ":", place.column);
    json::object object = *given;
    if (const auto* expect = object.if_contains("expect")) read_expectation(policy.expect, path, *expect);
    object.erase("expect");
    if (object.contains("name")) {
      refuse(concat(path, ".name"), concat(name, ": its name is the key in front of it"));
    }
    object["name"] = name;
    auto draft = draft_from_json(object);
    if (!draft) return refuse_all(name, path, draft.error());
    policy.draft = std::move(*draft);
    policies.push_back(std::move(policy));
  }

  void refuse_all(const std::string& name, const std::string& path, const Error& error) {
    for (const auto& each : error.fields) {
      const std::string field = each.field == "name" ? "" : concat(".", each.field);
      refuse(concat(path, field), concat(name, field, ": ", each.message));
    }
    if (error.fields.empty()) refuse(path, concat(name, ": ", error.message));
  }

  void read_expectation(Expectation& expect, const std::string& policy, const json::value& value) {
    const std::string path = concat(policy, ".expect");
    const auto* object = value.if_object();
    if (object == nullptr) return refuse(path, "expect: is a map, as in {hits: 1}");
    for (const auto& [key, entry] : *object) {
      std::optional<std::uint64_t>* count = key == "hits"      ? &expect.hits
                                            : key == "targets" ? &expect.targets
                                            : key == "missed"  ? &expect.missed
                                                               : nullptr;
      if (count == nullptr) {
        refuse(concat(path, ".", std::string_view(key)),
               concat("expect: unknown key ", entropy::quoted(key), did_you_mean(key, expectation_fields())));
      } else if (entry.is_int64() && entry.get_int64() >= 0) {
        *count = static_cast<std::uint64_t>(entry.get_int64());
      } else {
        refuse(concat(path, ".", std::string_view(key)),
               concat("expect.", std::string_view(key), ": is a count, 0 or more"));
      }
    }
  }

  const std::string& file_;
  const Document& document_;
  std::vector<Problem>& problems_;
};

// Elsewhere JSON is taken for YAML where it is not quite JSON: flow maps look like it. What is JSON is not left to
// yaml-cpp, which does not join surrogate pairs.
Documents read_documents(const std::string& name, std::string_view text) {
  if (name.ends_with(".json")) return read_json_documents(text);
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (text[first] == '{' || text[first] == '[')) {
    Documents read = read_json_documents(text);
    if (read.problems.empty()) return read;
  }
  return read_yaml(text);
}

// One failure without parameters is its bare name.
void shorten_failure(json::object& policy) {
  const auto& failures = policy.at("failure").get_object();
  if (failures.size() != 1 || policy.contains("image")) return;
  const auto* parameters = failures.begin()->value().if_object();
  if (parameters == nullptr || !parameters->empty()) return;
  json::string name(failures.begin()->key());
  policy["failure"] = std::move(name);
}

}  // namespace

const std::vector<std::string>& expectation_fields() {
  static const std::vector<std::string> names = {"hits", "targets", "missed"};
  return names;
}

Result<std::vector<FilePolicy>> read_policy_file(const std::string& name, std::string_view text) {
  const Documents read = read_documents(name, text);
  std::vector<Problem> problems = read.problems;
  std::vector<FilePolicy> policies;
  for (const auto& document : read.documents) FileReader(name, document, problems).read(policies);
  if (read.documents.empty() && problems.empty()) problems.push_back({{}, "there is nothing in it"});
  if (problems.empty()) return policies;
  sort_by_place(problems);
  Error error{ErrorCode::invalid, concat(name, ": ", problems.front().message)};
  for (auto& each : problems) {
    error.fields.push_back({concat(name, ":", each.place.line, ":", each.place.column), std::move(each.message)});
  }
  return fail(std::move(error));
}

json::object to_document(std::string_view set, const std::vector<Policy>& policies) {
  json::object by_name;
  for (const auto& policy : policies) {
    json::object object = to_json(policy);
    object.stable_erase("name");
    if (policy.schedule.duration == policy.schedule.frequency) object.stable_erase("duration");
    if (policy.schedule.probability == 1) object.stable_erase("probability");
    if (policy.running) object.stable_erase("state");
    shorten_failure(object);
    by_name[policy.name] = std::move(object);
  }
  json::object document;
  if (set != default_set) document["name"] = set;
  document["policies"] = std::move(by_name);
  return document;
}

}  // namespace entropy::policy
