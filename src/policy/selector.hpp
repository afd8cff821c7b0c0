// Which containers a policy is for: comma-separated requirements that must all hold.
//   K   K=V   K==V   K!=V   !K   K in (a,b)   K notin (a,b)
// K is a container label; keys that begin with '@' are attributes (@name @image @id @service @project @network
// @endpoint) whose values are globs (@id: a prefix). As in Kubernetes, K!=V and notin also hold where K is missing.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace entropy::policy {

enum class Attribute { name, image, id, service, project, network, endpoint };

// What a selector looks at. It is asked for what the selector needs, no more: a selector is held against every
// container that there is.
class Subject {
 public:
  virtual ~Subject() = default;
  // nullptr: it has no such label.
  virtual const std::string* label(const std::string& key) const = 0;
  // Hands over every value of the attribute, until `take` returns true; whether it did.
  using Take = std::function<bool(std::string_view value)>;
  virtual bool any(Attribute attribute, const Take& take) const = 0;
};

struct Requirement {
  enum class Operator { exists, absent, any_of, none_of };
  std::string key;                     // without the '@'
  std::optional<Attribute> attribute;  // none: the key is a label's
  Operator op = Operator::exists;
  std::set<std::string, std::less<>> values;  // any_of, none_of
  std::string text;                           // as the user wrote it
};

class Selector {
 public:
  // ErrorCode::invalid says what is wrong and where. An empty selector is an error, never "everything".
  static Result<Selector> parse(std::string_view text);

  bool matches(const Subject& subject) const { return failing(subject) == nullptr; }
  // Why the subject is not selected: "service=db does not hold (service=web)"; none if it is selected.
  std::optional<std::string> first_failed(const Subject& subject) const;
  // A requirement of one of `values`, compared as they are: whoever has none of them is not selected. nullptr: none.
  const Requirement* exact() const;
  const std::string& text() const { return text_; }
  bool operator==(const Selector& other) const { return text_ == other.text_; }

 private:
  const Requirement* failing(const Subject& subject) const;

  std::vector<Requirement> requirements_;
  std::string text_;
};

}  // namespace entropy::policy
