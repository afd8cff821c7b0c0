// Some packets arrive with a bit flipped. Checksums are made before: a receiver that looks at them drops the packet.
#pragma once

#include "failure/filter.hpp"

namespace entropy::failure {

struct Corrupt {
  static constexpr std::string_view name = "corrupt";
  Percent percent{0};
  Percent correlation{0};
  Filter filter = {};
  bool operator==(const Corrupt&) const = default;

  static const std::vector<Field<Corrupt>>& fields();
  Result<> check() const;
};

}  // namespace entropy::failure
