// From the faults that hold now to what the kernel shall do: pure.
//
// Every fault is for the packets that its filter names. Where filters overlap, packets fall into classes by which of
// the faults they are for; what happens to a class is all that its faults do:
//   latency            every one is a delay of its own; the kernel adds them up
//   reorder            every one acts by itself, in the order given
//   loss               independent dice: a packet survives with (1-a)(1-b)...; models act one after the other
//   duplicate, corrupt the same dice
//   rate               the smallest wins
//   partition          cuts; `drop` wins over `reject`, for a network that is silent cannot answer
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "failure/failure.hpp"
#include "kernel/state.hpp"
#include "program/command.hpp"

namespace entropy::injector {

struct Part {
  std::string policy;
  failure::Failure failure;
  program::Resolved resolved = {};
};

// An error where the filters overlap in more ways than the kernel can tell apart.
Result<kernel::State> merge(const std::vector<Part>& parts);

// Line by line what holds for whom and by whose doing: "eth0 egress to 10.0.0.3: delay 50ms from slow-db + loss 1% from
// flaky". The parts are those that the state was merged of.
std::vector<std::string> explain(const std::vector<Part>& parts, const std::string& interfaces);

// For people, in short: "egress delay 200ms ± 50ms, loss 10%; ingress from 10.0.0.3 drop".
std::string describe(const kernel::State& state);

}  // namespace entropy::injector
