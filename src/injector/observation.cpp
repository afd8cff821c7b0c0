#include "injector/observation.hpp"

#include <algorithm>

namespace entropy::injector {
namespace {

// A server may see any number in a day; the figures of so many are enough.
constexpr std::size_t most_connections = 4096;

std::optional<Duration> median(std::vector<Duration> values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::uint64_t rise(std::uint64_t from, std::uint64_t to) { return to >= from ? to - from : to; }

bool has_exchanged(const kernel::TcpConnection& from, const kernel::TcpConnection& to) {
  return from.segments_out != to.segments_out || from.segments_in != to.segments_in;
}

}  // namespace

Observation::Observation(const Sample& before) : before_(before.counters), latest_(before.counters) {
  std::vector<Duration> times;
  for (const auto& connection : before.connections) {
    note(connection);
    times.push_back(connection.rtt);
  }
  rtt_before_ = median(std::move(times));
}

void Observation::note(const kernel::TcpConnection& connection) {
  const auto known = connections_.find(connection.cookie);
  if (known != connections_.end()) {
    known->second.latest = connection;
  } else if (connections_.size() < most_connections) {
    connections_.emplace(connection.cookie, Seen{connection, connection});
  }
}

void Observation::add(const Sample& sample) {
  latest_ = sample.counters;
  for (const auto& connection : sample.connections) {
    // One that was opened under the fault counts from its beginning.
    if (!connections_.contains(connection.cookie)) note({connection.cookie, connection.rtt, 0, 0, 0});
    note(connection);
  }
}

program::Measured Observation::measured() const {
  program::Measured sum;
  sum.packets = rise(before_.matched, latest_.matched);
  sum.dropped = rise(before_.dropped, latest_.dropped);
  sum.delayed = rise(before_.delayed, latest_.delayed);
  sum.duplicated = rise(before_.duplicated, latest_.duplicated);
  sum.altered = rise(before_.altered, latest_.altered);
  sum.rtt_before = rtt_before_;
  std::vector<Duration> times;
  for (const auto& [cookie, seen] : connections_) {
    if (!has_exchanged(seen.at_first, seen.latest)) continue;
    times.push_back(seen.latest.rtt);
    sum.segments += rise(seen.at_first.segments_out, seen.latest.segments_out);
    sum.retransmitted += rise(seen.at_first.retransmitted, seen.latest.retransmitted);
  }
  sum.connections = times.size();
  sum.rtt = median(std::move(times));
  return sum;
}

}  // namespace entropy::injector
