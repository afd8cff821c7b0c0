// The history of faults: one row for each failure on each target in each window.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.hpp"

namespace entropy::store {

enum class Outcome { active, completed, cut_short, missed, failed };
std::string_view to_string(Outcome outcome);  // "cut-short", ...

struct FaultRecord {
  std::uint64_t id = 0;
  std::string policy;
  std::string target;  // name
  std::string endpoint;
  std::string failure;
  std::uint64_t window = 0;
  Time planned_start;
  std::optional<Time> planned_end;
  std::optional<Time> started;
  std::optional<Time> ended;
  Outcome outcome = Outcome::active;
  std::uint64_t packets = 0;
  std::string measured;  // a JSON object; empty: nothing is known
  std::string message;
  bool operator==(const FaultRecord&) const = default;
};

// A place in the history, which is in the order of planned starts, and of ids among equal ones.
struct FaultCursor {
  Time planned_start;
  std::uint64_t id = 0;
};

struct FaultQuery {
  std::string policy;  // empty: any
  std::string target;
  std::optional<Time> since;  // of the planned start
  std::optional<Time> until;
  std::size_t limit = 100;            // at most 1000
  std::optional<FaultCursor> cursor;  // only what is older than this one
};

}  // namespace entropy::store
