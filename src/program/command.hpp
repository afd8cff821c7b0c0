// What the manager tells an injector over the attach stream: one line of text each.
//
//   program 7;policy name=slow target=db-1 epoch=1790000000000000 frequency=10s seed=42;failure latency delay=200ms
//     peers=service%3Dweb;peer name=service%3Dweb at=10.0.0.3 at=10.0.0.4
//   lease 30s
//   pause | unpause | stop
//
// Records are separated by ';', words by ' '; in values every byte but letters, digits and . _ - / : @ + , is written
// as %XX.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/prefix.hpp"
#include "base/result.hpp"
#include "failure/failure.hpp"
#include "policy/schedule.hpp"

namespace entropy::program {

// What the selectors and names among a policy's `peers` and `exclude` stand for now; one that is missing here stands
// for nothing. Addresses and networks stand for themselves.
using Resolved = std::map<std::string, std::vector<Prefix>>;

// One policy as far as one target is concerned.
struct Entry {
  std::string policy;
  std::string target;  // the name that the dice are rolled for
  policy::Schedule schedule;
  std::vector<failure::Failure> failures;
  // In which windows the target takes part, in order; none: in all of them.
  std::optional<std::vector<std::uint64_t>> picked = std::nullopt;
  Resolved resolved = {};
  bool operator==(const Entry&) const = default;
};

// All that an injector has to do from now on; replaces what it had.
struct Program {
  std::uint64_t revision = 0;  // the manager's count, echoed in every state report
  std::vector<Entry> entries;
  bool operator==(const Program&) const = default;
};

// From the arrival on, the injector may act for so long without hearing from a manager.
struct Lease {
  Duration duration{0};
  bool operator==(const Lease&) const = default;
};

// Roll back and start nothing until `Unpause`.
struct Pause {
  bool operator==(const Pause&) const = default;
};
struct Unpause {
  bool operator==(const Unpause&) const = default;
};
// Roll back, verify, exit 0.
struct Stop {
  bool operator==(const Stop&) const = default;
};

using Command = std::variant<Program, Lease, Pause, Unpause, Stop>;

// A line without its newline.
std::string encode(const Command& command);
Result<Command> decode(std::string_view line);

}  // namespace entropy::program
