// A selector means what its text says: its text makes the same selector, and "!K" is the opposite of "K".
#include "policy/selector.hpp"

#include "base/text.hpp"
#include "check.hpp"

namespace entropy::fuzz {

void check(std::string_view input) {
  static const policy::Subject subject = {
      {{"service", "db"}, {"tier", ""}, {"a", "b"}},
      {{"name", "web-1"}, {"id", "4f66ad9a0b2e"}, {"network", "front"}, {"network", "back"}}};
  const auto selector = policy::Selector::parse(input);
  if (!selector) return;
  require(!selector->text().empty());
  require(selector->matches(subject) == !selector->first_failed(subject).has_value());

  const auto again = policy::Selector::parse(selector->text());
  require(again == *selector);
  require(again->first_failed(subject) == selector->first_failed(subject));

  if (selector->text().find_first_of("!=(,") != std::string::npos) return;
  const auto opposite = policy::Selector::parse(concat("!", selector->text()));
  require(opposite && opposite->matches(subject) != selector->matches(subject));
}

}  // namespace entropy::fuzz
