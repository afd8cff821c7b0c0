// Policies as JSON, in the words of the interface; YAML files become the same JSON first.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>

#include "policy/policy.hpp"

namespace entropy::policy {

// What a request says: the name and the seed may be left to the service.
struct Draft {
  Policy policy;
  bool has_seed = false;
};

// Every wrong field is in the error's `fields`; unknown fields are refused. What is left out has its default: a
// duration is that of the frequency. The schedule's epoch is left alone.
Result<Draft> draft_from_json(const boost::json::value& value);

// The fields that it reads.
std::vector<std::string> field_names();

// The fields of a policy alone; `draft_from_json` reads them back to the same policy, if it is one that it has read.
boost::json::object to_json(const Policy& policy);

// A record for the store: the policy, its epoch, revision and times; as exact.
std::string serialize(const Record& record);
Result<Record> deserialize(std::string_view text);

// Parses strictly: no duplicate keys, no non-finite numbers, at most 32 levels. The message says where.
Result<boost::json::value> parse_json(std::string_view text);

// For people as well: numbers without exponents, text that is not UTF-8 repaired. `indented` by four, as Docker does.
enum class JsonStyle { compact, indented };
std::string print_json(const boost::json::value& value, JsonStyle style = JsonStyle::compact);

}  // namespace entropy::policy
