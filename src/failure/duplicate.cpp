#include "failure/duplicate.hpp"

namespace entropy::failure {

const std::vector<Field<Duplicate>>& Duplicate::fields() {
  static const std::vector<Field<Duplicate>> table = with_filter<Duplicate>({
      field<&Duplicate::percent>("percent", Presence::required, "the share of packets that arrive twice"),
      field<&Duplicate::correlation>("correlation", Presence::optional, "only 0: the kernel's own is wrong"),
  });
  return table;
}

Result<> Duplicate::check() const {
  if (percent.value == 0) return fail(ErrorCode::invalid, "duplicating 0 does nothing: give a percent, as in 10%");
  if (correlation.value != 0) {
    return fail(ErrorCode::invalid,
                "correlated duplication is not offered: netem's gives a wrong rate; leave "
                "correlation out");
  }
  return {};
}

}  // namespace entropy::failure
