#include "failure/loss.hpp"

namespace entropy::failure {

const std::vector<Field<Loss>>& Loss::fields() {
  static const std::vector<Field<Loss>> table = {
      field<&Loss::percent>("percent", Presence::required, "the share of packets that get lost"),
      field<&Loss::correlation>("correlation", Presence::optional, "only 0: the kernel's own is wrong"),
      field<&Loss::direction>("direction", Presence::optional, "which way, seen from the target"),
  };
  return table;
}

Result<> Loss::check() const {
  if (percent.value == 0) return fail(ErrorCode::invalid, "a loss of 0 does nothing: give a percent, as in 10%");
  if (correlation.value != 0) {
    return fail(ErrorCode::invalid,
                "correlated loss is not offered: netem's gives a wrong rate (20% at correlation 50% loses 2.7%); "
                "leave correlation out");
  }
  return {};
}

}  // namespace entropy::failure
