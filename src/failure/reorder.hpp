// Packets overtake each other: `percent` of them go at once, the others wait `delay`. tc-netem(8) has the same words.
#pragma once

#include "failure/filter.hpp"

namespace entropy::failure {

struct Reorder {
  static constexpr std::string_view name = "reorder";
  Percent percent{0};
  Duration delay = std::chrono::milliseconds(10);
  Percent correlation{0};
  std::uint32_t gap = 0;
  Filter filter = {};
  bool operator==(const Reorder&) const = default;

  static const std::vector<Field<Reorder>>& fields();
  Result<> check() const;
};

}  // namespace entropy::failure
