// Packets take longer: every one waits `delay`, give or take `jitter`. tc-netem(8) has the same words.
#pragma once

#include "failure/filter.hpp"

namespace entropy::failure {

enum class Distribution { uniform, normal, pareto, paretonormal };
template <>
struct Words<Distribution> {
  static constexpr std::array<std::string_view, 4> words = {"uniform", "normal", "pareto", "paretonormal"};
};

struct Latency {
  static constexpr std::string_view name = "latency";
  Duration delay{0};
  Duration jitter{0};
  Percent correlation{0};
  Distribution distribution = Distribution::uniform;
  Filter filter = {};
  bool operator==(const Latency&) const = default;

  static const std::vector<Field<Latency>>& fields();
  Result<> check() const;
};

}  // namespace entropy::failure
