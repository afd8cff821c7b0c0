// What a Prometheus answers is read or refused; samples are numbers.
#include <cmath>

#include "check.hpp"
#include "control/conditions.hpp"

namespace entropy::fuzz {

void check(std::string_view input) {
  const auto samples = control::read_query_answer(input);
  if (!samples) return require(!samples.error().message.empty());
  for (const double sample : *samples) require(!std::isnan(sample));
}

}  // namespace entropy::fuzz
