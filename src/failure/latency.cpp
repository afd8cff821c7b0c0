#include "failure/latency.hpp"

namespace entropy::failure {

const std::vector<Field<Latency>>& Latency::fields() {
  static const std::vector<Field<Latency>> table = with_filter<Latency>({
      field<&Latency::delay>("delay", Presence::required, "how long every packet waits"),
      field<&Latency::jitter>("jitter", Presence::optional, "how much longer or shorter, at random"),
      field<&Latency::correlation>("correlation", Presence::optional, "how much a wait resembles the one before"),
      field<&Latency::distribution>("distribution", Presence::optional, "how the jitter is spread"),
  });
  return table;
}

Result<> Latency::check() const {
  constexpr Duration longest = std::chrono::minutes(1);
  if (delay == Duration::zero() && jitter == Duration::zero()) {
    return fail(ErrorCode::invalid, "a delay of 0 does nothing: give one, as in 100ms");
  }
  if (delay > longest || jitter > longest) {
    return fail(ErrorCode::invalid, "delay and jitter are at most 1m: packets are held in memory meanwhile");
  }
  if (jitter > delay)
    return fail(ErrorCode::invalid, "jitter is larger than delay: packets can't come before their time");
  return {};
}

}  // namespace entropy::failure
