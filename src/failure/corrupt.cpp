#include "failure/corrupt.hpp"

namespace entropy::failure {

const std::vector<Field<Corrupt>>& Corrupt::fields() {
  static const std::vector<Field<Corrupt>> table = with_filter<Corrupt>({
      field<&Corrupt::percent>("percent", Presence::required, "the share of packets that get a bit flipped"),
      field<&Corrupt::correlation>("correlation", Presence::optional, "only 0: the kernel's own is wrong"),
  });
  return table;
}

Result<> Corrupt::check() const {
  if (percent.value == 0) return fail(ErrorCode::invalid, "corrupting 0 does nothing: give a percent, as in 1%");
  if (correlation.value != 0) {
    return fail(ErrorCode::invalid,
                "correlated corruption is not offered: netem's gives a wrong rate; leave "
                "correlation out");
  }
  return {};
}

}  // namespace entropy::failure
