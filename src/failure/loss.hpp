// Packets get lost on the way, each with the same chance.
#pragma once

#include "failure/field.hpp"

namespace entropy::failure {

struct Loss {
  static constexpr std::string_view name = "loss";
  Percent percent{0};
  Percent correlation{0};
  Direction direction = Direction::egress;
  bool operator==(const Loss&) const = default;

  static const std::vector<Field<Loss>>& fields();
  Result<> check() const;
};

}  // namespace entropy::failure
