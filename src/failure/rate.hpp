// The line is slow: no more than so many bits a second pass, the rest waits, and what finds the queue full gets lost.
#pragma once

#include "failure/filter.hpp"

namespace entropy::failure {

struct RateLimit {
  static constexpr std::string_view name = "rate";
  Rate rate{0};
  std::optional<Size> burst;  // none: as small as the rate allows
  std::uint32_t packet_overhead = 0;
  Filter filter = {};
  bool operator==(const RateLimit&) const = default;

  static const std::vector<Field<RateLimit>>& fields();
  Result<> check() const;
};

}  // namespace entropy::failure
