// The network is cut: nothing passes, silently (`drop`) or refused at once as by a firewall (`reject`).
#pragma once

#include "failure/filter.hpp"

namespace entropy::failure {

enum class PartitionMode { drop, reject };
template <>
struct Words<PartitionMode> {
  static constexpr std::array<std::string_view, 2> words = {"drop", "reject"};
};

struct Partition {
  static constexpr std::string_view name = "partition";
  PartitionMode mode = PartitionMode::drop;
  Filter filter{.direction = Direction::both};
  bool operator==(const Partition&) const = default;

  static const std::vector<Field<Partition>>& fields();
  Result<> check() const { return {}; }
};

}  // namespace entropy::failure
