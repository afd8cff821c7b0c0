#include "failure/reorder.hpp"

namespace entropy::failure {

const std::vector<Field<Reorder>>& Reorder::fields() {
  static const std::vector<Field<Reorder>> table = with_filter<Reorder>({
      field<&Reorder::percent>("percent", Presence::required, "the share of packets that overtake the others"),
      field<&Reorder::delay>("delay", Presence::optional, "how long the others wait"),
      field<&Reorder::correlation>("correlation", Presence::optional, "how much a fate resembles the one before"),
      field<&Reorder::gap>("gap", Presence::optional, "only every so manieth packet may overtake (0: any)"),
  });
  return table;
}

Result<> Reorder::check() const {
  constexpr Duration longest = std::chrono::minutes(1);
  if (percent.value == 0) return fail(ErrorCode::invalid, "reordering 0 does nothing: give a percent, as in 25%");
  if (delay == Duration::zero()) return fail(ErrorCode::invalid, "with a delay of 0 nothing can be overtaken");
  if (delay > longest) return fail(ErrorCode::invalid, "delay is at most 1m: packets are held in memory meanwhile");
  return {};
}

}  // namespace entropy::failure
