#include "policy/selector.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace entropy::policy {
namespace {

using Operator = Requirement::Operator;

// In the order of Attribute.
constexpr std::array<std::string_view, 7> attribute_names = {"name",    "image",   "id",      "service",
                                                             "project", "network", "endpoint"};
constexpr std::size_t longest_selector = 4096;

std::unexpected<Error> bad_selector(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid, concat("selector ", quoted(text), ": ", why));
}

// Splits at the commas outside parentheses.
Result<std::vector<std::string_view>> split_requirements(std::string_view text) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(' || text[i] == ')') {
      if (inside == (text[i] == '(')) {
        return bad_selector(text, concat("unbalanced ", quoted(text.substr(i, 1)), " at character ", i + 1));
      }
      inside = !inside;
    } else if (text[i] == ',' && !inside) {
      pieces.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (inside) return bad_selector(text, "a \"(\" is not closed");
  pieces.push_back(text.substr(begin));
  return pieces;
}

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._-/:").find(c) != std::string_view::npos;
}

Result<> set_key(Requirement& requirement, std::string_view key) {
  key = trim(key);
  const bool is_attribute = key.starts_with('@');
  if (is_attribute) key.remove_prefix(1);
  if (key.empty()) return bad_selector(requirement.text, "a label or @attribute is missing");
  if (!std::ranges::all_of(key, is_key_character)) {
    return bad_selector(requirement.text, concat(quoted(key), " is not a label: letters, digits and . _ - / : only"));
  }
  requirement.key = key;
  if (!is_attribute) return {};
  const auto known = std::ranges::find(attribute_names, key);
  if (known == attribute_names.end()) {
    const std::vector<std::string> names(attribute_names.begin(), attribute_names.end());
    return bad_selector(requirement.text, concat("unknown attribute @", key, did_you_mean(key, names)));
  }
  requirement.attribute = static_cast<Attribute>(known - attribute_names.begin());
  return {};
}

// "K in (a, b)" and "K notin (a, b)".
Result<Requirement> parse_set(Requirement requirement, std::string_view text, std::size_t open) {
  if (text.find(')') + 1 != text.size()) return bad_selector(text, "text after \")\"; separate requirements by commas");
  const std::string_view head = trim(text.substr(0, open));
  const std::size_t space = head.find_last_of(" \t");
  const std::string_view word = space == std::string_view::npos ? head : head.substr(space + 1);
  if (space == std::string_view::npos || (word != "in" && word != "notin")) {
    return bad_selector(text, "before \"(\" there must be a label and \"in\" or \"notin\"");
  }
  requirement.op = word == "in" ? Operator::any_of : Operator::none_of;
  for (const auto value : split(text.substr(open + 1, text.size() - open - 2), ',')) {
    if (trim(value).empty()) return bad_selector(text, "an empty value between \"(\" and \")\"");
    requirement.values.emplace(trim(value));
  }
  const auto key = set_key(requirement, head.substr(0, space));
  if (!key) return fail(key.error());
  return requirement;
}

Result<Requirement> parse_requirement(std::string_view text) {
  Requirement requirement;
  requirement.text = text;
  if (const auto open = text.find('('); open != std::string_view::npos) {
    return parse_set(std::move(requirement), text, open);
  }
  std::string_view key = text;
  if (const auto equals = text.find('='); equals != std::string_view::npos) {
    const bool negated = equals > 0 && text[equals - 1] == '!';
    key = text.substr(0, equals - (negated ? 1 : 0));
    std::string_view value = text.substr(equals + 1);
    if (!negated && value.starts_with('=')) value.remove_prefix(1);
    requirement.op = negated ? Operator::none_of : Operator::any_of;
    requirement.values.emplace(trim(value));
  } else if (text.starts_with('!')) {
    requirement.op = Operator::absent;
    key = text.substr(1);
  }
  const auto set = set_key(requirement, key);
  if (!set) return fail(set.error());
  return requirement;
}

bool fits(const Requirement& requirement, std::string_view value) {
  if (!requirement.attribute) return requirement.values.contains(value);
  return std::ranges::any_of(requirement.values, [&](const std::string& pattern) {
    return requirement.attribute == Attribute::id ? glob_match(pattern + "*", value) : glob_match(pattern, value);
  });
}

// Whether the subject has the requirement's key with a value of which `condition` holds.
bool any_value(const Subject& subject, const Requirement& requirement, const Subject::Take& condition) {
  if (requirement.attribute) return subject.any(*requirement.attribute, condition);
  const std::string* value = subject.label(requirement.key);
  return value != nullptr && condition(*value);
}

bool holds(const Requirement& requirement, const Subject& subject) {
  const auto is_there = [](std::string_view) { return true; };
  const auto is_wanted = [&](std::string_view value) { return fits(requirement, value); };
  switch (requirement.op) {
    case Operator::exists:
      return any_value(subject, requirement, is_there);
    case Operator::absent:
      return !any_value(subject, requirement, is_there);
    case Operator::any_of:
      return any_value(subject, requirement, is_wanted);
    case Operator::none_of:
      return !any_value(subject, requirement, is_wanted);
  }
  return false;
}

}  // namespace

Result<Selector> Selector::parse(std::string_view text) {
  if (trim(text).empty()) {
    return fail(ErrorCode::invalid, "the selector is empty: name a label (K or K=V), or @name=* for every container");
  }
  if (text.size() > longest_selector) return fail(ErrorCode::invalid, "the selector is longer than 4096 characters");
  const auto pieces = split_requirements(text);
  if (!pieces) return fail(pieces.error());
  Selector selector;
  selector.text_ = trim(text);
  for (const auto piece : *pieces) {
    if (trim(piece).empty()) return bad_selector(text, "a requirement is empty: a comma too many");
    auto requirement = parse_requirement(trim(piece));
    if (!requirement) return fail(requirement.error());
    selector.requirements_.push_back(std::move(*requirement));
  }
  return selector;
}

const Requirement* Selector::failing(const Subject& subject) const {
  const auto found = std::ranges::find_if(requirements_, [&](const auto& each) { return !holds(each, subject); });
  return found == requirements_.end() ? nullptr : &*found;
}

std::optional<std::string> Selector::first_failed(const Subject& subject) const {
  const auto* requirement = failing(subject);
  if (requirement == nullptr) return std::nullopt;
  std::vector<std::string_view> actual;
  any_value(subject, *requirement, [&](std::string_view value) {
    actual.push_back(value);
    return false;
  });
  const std::string_view sigil = requirement->attribute ? "@" : "";
  if (actual.empty()) {
    return concat(requirement->text, " does not hold: there is no ", sigil, requirement->key);
  }
  return concat(requirement->text, " does not hold: ", sigil, requirement->key, " is ", join(actual, ", "));
}

const Requirement* Selector::exact() const {
  const auto is_exact = [](const Requirement& requirement) {
    const auto has_glob = [](const std::string& value) { return value.find_first_of("*?") != std::string::npos; };
    if (requirement.op != Operator::any_of) return false;
    if (!requirement.attribute) return true;
    return requirement.attribute != Attribute::id && std::ranges::none_of(requirement.values, has_glob);
  };
  const auto found = std::ranges::find_if(requirements_, is_exact);
  return found == requirements_.end() ? nullptr : &*found;
}

}  // namespace entropy::policy
