// What a fault's share of the target's traffic went through while it held, from what was sampled meanwhile. Pure. (TCP
// feels the path as a whole, and so what other faults do to the same connections.)
#pragma once

#include <map>
#include <vector>

#include "kernel/state.hpp"
#include "program/report.hpp"

namespace entropy::injector {

struct Sample {
  kernel::Counters counters;
  std::vector<kernel::TcpConnection> connections;
};

class Observation {
 public:
  // `before`: just before the fault was made.
  explicit Observation(const Sample& before);

  // Counters that are lower than before began anew meanwhile.
  void add(const Sample& sample);
  program::Measured measured() const;

 private:
  // A connection is of interest once it has exchanged anything under the fault.
  struct Seen {
    kernel::TcpConnection at_first;
    kernel::TcpConnection latest;
  };

  void note(const kernel::TcpConnection& connection);

  kernel::Counters before_;
  kernel::Counters latest_;
  std::optional<Duration> rtt_before_;
  std::map<std::uint64_t, Seen> connections_;  // by cookie
};

}  // namespace entropy::injector
