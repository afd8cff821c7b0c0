// Some packets arrive twice.
#pragma once

#include "failure/filter.hpp"

namespace entropy::failure {

struct Duplicate {
  static constexpr std::string_view name = "duplicate";
  Percent percent{0};
  Percent correlation{0};
  Filter filter = {};
  bool operator==(const Duplicate&) const = default;

  static const std::vector<Field<Duplicate>>& fields();
  Result<> check() const;
};

}  // namespace entropy::failure
