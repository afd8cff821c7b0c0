// Boost's fractions are some units in the last place beside the nearest (and infinite where they are too large).
#pragma once

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace entropy::policy {

// The nearest to `text`, a JSON number that Boost has taken for `near`; none where it is too large.
inline std::optional<double> exact_number(std::string_view text, double near) {
  double value = 0;  // stays where the number is too small for a double
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range && std::abs(near) > 1) return std::nullopt;
  return value;
}

}  // namespace entropy::policy
