// A selector means what its text says: its text makes the same selector, "!K" is the opposite of "K", and what it says
// to look up finds whatever it matches.
#include "policy/selector.hpp"

#include "base/text.hpp"
#include "check.hpp"
#include "fakes/plain_subject.hpp"

namespace entropy::fuzz {

void check(std::string_view input) {
  using policy::Attribute;
  static const fakes::PlainSubject subject({{"service", "db"}, {"tier", ""}, {"a", "b"}},
                                           {{Attribute::name, "web-1"},
                                            {Attribute::id, "4f66ad9a0b2e"},
                                            {Attribute::network, "front"},
                                            {Attribute::network, "back"}});
  const auto selector = policy::Selector::parse(input);
  if (!selector) return;
  require(!selector->text().empty());
  require(selector->matches(subject) == !selector->first_failed(subject).has_value());

  // Whoever is looked up by the exact values alone must not be overlooked.
  if (const auto* exact = selector->exact(); exact != nullptr && selector->matches(subject)) {
    const auto is_looked_up = [&](std::string_view value) { return exact->values.contains(value); };
    require(exact->attribute ? subject.any(*exact->attribute, is_looked_up)
                             : is_looked_up(subject.labels.at(exact->key)));
  }

  const auto again = policy::Selector::parse(selector->text());
  require(again == *selector);
  require(again->first_failed(subject) == selector->first_failed(subject));

  if (selector->text().find_first_of("!=(,") != std::string::npos) return;
  const auto opposite = policy::Selector::parse(concat("!", selector->text()));
  require(opposite && opposite->matches(subject) != selector->matches(subject));
}

}  // namespace entropy::fuzz
