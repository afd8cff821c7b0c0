// Percent-encoding is undone by decoding; a query that was understood is written as the same query; an address that was
// understood can be asked for.
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
  if (const auto url = parse_http_url(input)) {
    // What is sent is one line of a request: nothing in it ends it early.
    for (const std::string& text : {url->host, url->target}) require(text.find_first_of(" \r\n") == std::string::npos);
    require(!url->host.empty() && url->port != 0 && url->target.starts_with('/'));
  }
  const auto query = parse_query(input);
  if (!query || has_nul) return;
  const std::string printed = print_query(*query);
  require(printed.empty() == query->empty());
  if (!printed.empty()) require(parse_query(printed.substr(1)) == *query);
}

}  // namespace entropy::fuzz
