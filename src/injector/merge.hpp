// From the failures that hold now to what the kernel shall do: pure.
//
// Per direction (`both` counts in each):
//   latency    every one is a delay of its own; the kernel adds them up
//   reorder    every one acts by itself, in the order given
//   loss       independent dice: a packet survives with (1-a)(1-b)...
//   partition  cuts; `drop` wins over `reject`, for a network that is silent cannot answer
#pragma once

#include <string>
#include <vector>

#include "failure/failure.hpp"
#include "kernel/state.hpp"

namespace entropy::injector {

kernel::State merge(const std::vector<failure::Failure>& failures);

// For people: "egress delay 200ms ± 50ms, loss 10%; ingress drop".
std::string describe(const kernel::State& state);

}  // namespace entropy::injector
