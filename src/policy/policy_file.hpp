// Policy files, YAML or JSON:
//   name: shop                      # optional: the set that they belong to, for `apply --prune`
//   policies:
//     slow-db: {selector: service=db, failure: {latency: {delay: 250ms}}, expect: {hits: 1}}
// Each policy is read by the one parser that the API uses.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy_json.hpp"

namespace entropy::policy {

// `expect`: what `entropy run` must have seen of a policy.
struct Expectation {
  std::optional<std::uint64_t> hits;     // at least so many windows, over all containers, in which it held
  std::optional<std::uint64_t> targets;  // at least so many containers that it held on
  std::optional<std::uint64_t> missed;   // at most so many windows that should have been a hit and were not
  bool operator==(const Expectation&) const = default;
};

struct FilePolicy {
  Draft draft;
  Expectation expect;
  std::string set;
  std::string place;  // "chaos.yaml:3:3", for messages
};

inline constexpr std::string_view default_set = "default";

// `name` is the file's: *.json is JSON and nothing else. ErrorCode::invalid with every problem in `fields`:
// "chaos.yaml:7:5" and what is wrong there.
Result<std::vector<FilePolicy>> read_policy_file(const std::string& name, std::string_view text);

// What `expect` may say, in the order of the interface.
const std::vector<std::string>& expectation_fields();

// As a document of a file that `read_policy_file` reads: without what is there by default.
boost::json::object to_document(std::string_view set, const std::vector<Policy>& policies);

}  // namespace entropy::policy
