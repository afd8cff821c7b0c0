// Which containers a policy is for: comma-separated requirements that must all hold.
//   K   K=V   K==V   K!=V   !K   K in (a,b)   K notin (a,b)
// K is a container label; keys that begin with '@' are attributes (@name @image @id @service @project @network
// @endpoint) whose values are globs (@id: a prefix). As in Kubernetes, K!=V and notin also hold where K is missing.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace entropy::policy {

// What a selector looks at.
struct Subject {
  std::map<std::string, std::string> labels;
  std::multimap<std::string, std::string> attributes;  // "name" -> "web-1", "network" -> "front", ...
};

struct Requirement {
  enum class Operator { exists, absent, any_of, none_of };
  std::string key;  // without the '@'
  bool attribute = false;
  Operator op = Operator::exists;
  std::set<std::string> values;  // any_of, none_of
  std::string text;              // as the user wrote it
};

class Selector {
 public:
  // ErrorCode::invalid says what is wrong and where. An empty selector is an error, never "everything".
  static Result<Selector> parse(std::string_view text);

  bool matches(const Subject& subject) const { return !first_failed(subject); }
  // Why the subject is not selected: "service=db does not hold (service=web)"; none if it is selected.
  std::optional<std::string> first_failed(const Subject& subject) const;
  const std::string& text() const { return text_; }
  bool operator==(const Selector& other) const { return text_ == other.text_; }

 private:
  std::vector<Requirement> requirements_;
  std::string text_;
};

}  // namespace entropy::policy
