// What an image's label offers is bounded and named, or the error says what is wrong.
#include "program/custom_offer.hpp"

#include "check.hpp"
#include "program/foreign_text.hpp"

namespace entropy::fuzz {

void check(std::string_view input) {
  const auto kinds = program::parse_offer(input);
  if (!kinds) return require(!kinds.error().message.empty());
  require(kinds->size() <= 100);
  for (const auto& kind : *kinds) {
    require(kind.name.size() <= program::longest_foreign_text && kind.parameters.size() <= 100);
    for (const auto& parameter : kind.parameters) require(!parameter.name.empty());
  }
}

}  // namespace entropy::fuzz
