#include "failure/rate.hpp"

namespace entropy::failure {

const std::vector<Field<RateLimit>>& RateLimit::fields() {
  static const std::vector<Field<RateLimit>> table = with_filter<RateLimit>({
      field<&RateLimit::rate>("rate", Presence::required, "how much passes, as 10mbit (a second)"),
      field<&RateLimit::burst>("burst", Presence::optional, "how much may pass at once after a silence, as 64KiB"),
      field<&RateLimit::packet_overhead>("packet-overhead", Presence::optional,
                                         "bytes that each packet counts more than it has"),
  });
  return table;
}

Result<> RateLimit::check() const {
  constexpr Rate slowest{8'000};
  constexpr Rate fastest{100'000'000'000};
  constexpr Size shortest_burst{2'000};  // less would never let a whole packet pass
  constexpr Size longest_burst{256 << 20};
  constexpr std::uint32_t most_overhead = 10'000;
  if (rate < slowest || rate > fastest) {
    return fail(ErrorCode::invalid,
                "the rate is at least 8kbit and at most 100gbit; to let nothing pass, use partition");
  }
  if (burst && (*burst < shortest_burst || *burst > longest_burst)) {
    return fail(ErrorCode::invalid, "the burst is at least 2000 bytes, more than a packet, and at most 256MiB");
  }
  if (packet_overhead > most_overhead) return fail(ErrorCode::invalid, "packet-overhead is at most 10000 bytes");
  return {};
}

}  // namespace entropy::failure
