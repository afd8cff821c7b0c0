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
//   dns                is apart from all these: delays of answers add up, and the first answer in the order given wins
// There are as many classes as packets can differ in: filters that no packet fits together (other peers, protocols,
// interfaces; three ports) make none. Where that is still too many, it is left out of account that a packet may go from
// one service's port to another's: it then counts to the first of both filters.
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

// "slow-db/latency": no other part is called so.
std::string name_of(const Part& part);
// Those whose doing the class or name fault of this name is.
std::vector<std::string> parts_in(std::string_view name);

// Which packets it is for, either way; nullopt: none now.
std::optional<kernel::Match> match_of(const Part& part);

// As it is read back where it holds. An error where the filters overlap in more ways than the kernel can tell apart.
Result<kernel::State> merge(const std::vector<Part>& parts);

// Line by line what holds for whom and by whose doing: "eth0 egress to 10.0.0.3: delay 50ms from slow-db + loss 1% from
// flaky". The parts are those that the state was merged of.
std::vector<std::string> explain(const std::vector<Part>& parts, const std::string& interfaces);

// What one failure does, for people: "delay 200ms ± 50ms", "nxdomain for db".
std::string describe(const failure::Failure& failure);

// For people, in short: "egress delay 200ms ± 50ms, loss 10%; ingress from 10.0.0.3 drop".
std::string describe(const kernel::State& state);

}  // namespace entropy::injector
