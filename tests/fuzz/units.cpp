// Whatever reads as a value is printed as a text that reads as the same value.
#include "base/units.hpp"

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/text.hpp"
#include "check.hpp"

namespace entropy::fuzz {
namespace {

void check_duration(std::string_view input) {
  const auto with_unit = parse_duration(input);
  const auto seconds = parse_duration(input, BareNumber::seconds);
  if (with_unit) require(seconds == with_unit);
  if (!seconds) return;
  require(*seconds >= Duration::zero());
  require(parse_duration(to_string(*seconds)) == *seconds);
}

void check_shares(std::string_view input) {
  if (const auto probability = parse_probability(input)) {
    require(*probability >= 0 && *probability <= 1);
    require(parse_probability(to_string(*probability)) == *probability);
  }
  if (const auto percent = parse_percent(input)) {
    require(percent->value >= 0 && percent->value <= 100);
    require(parse_percent(to_string(*percent)) == *percent);
  }
}

void check_number(std::string_view input) {
  double number = 0;
  if (input.size() != sizeof number) return;
  std::memcpy(&number, input.data(), sizeof number);
  if (!std::isfinite(number)) return;
  const std::string text = to_string(number);
  double back = 0;
  std::from_chars(text.data(), text.data() + text.size(), back, std::chars_format::fixed);
  require(back == number && text.find('e') == std::string::npos);
}

}  // namespace

void check(std::string_view input) {
  check_duration(input);
  check_shares(input);
  check_number(input);
  if (const auto time = parse_rfc3339(input)) require(parse_rfc3339(to_rfc3339(*time)) == *time);
  if (const auto number = parse_unsigned(input)) require(parse_unsigned(concat(*number)) == *number);
}

}  // namespace entropy::fuzz
