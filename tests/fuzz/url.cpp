// Percent-encoding is undone by decoding; a query that was understood is written as the same query.
#include "base/url.hpp"

#include "check.hpp"

namespace entropy::fuzz {

void check(std::string_view input) {
  const bool has_nul = input.find('\0') != std::string_view::npos;
  for (const Plus plus : {Plus::literal, Plus::space}) {
    require(percent_decode(percent_encode(input), plus).has_value() == !has_nul);
    if (!has_nul) require(percent_decode(percent_encode(input), plus) == input);
    if (const auto decoded = percent_decode(input, plus)) require(decoded->size() <= input.size());
  }
  const auto query = parse_query(input);
  if (!query || has_nul) return;
  const std::string printed = print_query(*query);
  require(printed.empty() == query->empty());
  if (!printed.empty()) require(parse_query(printed.substr(1)) == *query);
}

}  // namespace entropy::fuzz
