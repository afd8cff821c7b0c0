// Literals are JSON whatever is in them; globs match what their definition says.
#include "base/text.hpp"

#include "check.hpp"
#include "policy/policy_json.hpp"

namespace entropy::fuzz {
namespace {

// The definition, exponential.
bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    return matches(pattern.substr(1), text) || (!text.empty() && matches(pattern, text.substr(1)));
  }
  if (text.empty() || (pattern.front() != '?' && pattern.front() != text.front())) return false;
  return matches(pattern.substr(1), text.substr(1));
}

}  // namespace

void check(std::string_view input) {
  require(join(split(input, ','), ",") == input);
  require(input.find(trim(input)) != std::string_view::npos);

  const auto literal = policy::parse_json(json_string(input));
  require(literal && literal->is_string());
  const std::string repaired(literal->get_string());
  require(policy::parse_json(json_string(repaired)) == *literal);

  constexpr std::size_t short_enough = 24;
  const auto bar = input.find('|');
  if (bar == std::string_view::npos || input.size() > short_enough) return;
  require(glob_match(input.substr(0, bar), input.substr(bar + 1)) ==
          matches(input.substr(0, bar), input.substr(bar + 1)));
}

}  // namespace entropy::fuzz
