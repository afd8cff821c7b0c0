// What an injector tells the manager on its standard output: a header, then one JSON object a line. The same lines are
// the container's log, for people. (The header and "event" lines are the contract of custom injector images, too.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "policy/schedule.hpp"

namespace entropy::program {

inline constexpr std::string_view header_open = "== Entropy Header Open ==";
inline constexpr std::string_view header_close = "== Entropy Header Close ==";

// One failure of one policy in one window; in the kernel, read back.
struct Fault {
  std::string policy;
  std::string target;
  std::string failure;
  std::uint64_t window = 0;
  Time planned_start{};
  Time planned_end = policy::never;
  Time started{};
  bool operator==(const Fault&) const = default;
};

// The whole truth about an injector, sent after every change and on attach: what it holds follows from this alone.
struct State {
  std::uint64_t revision = 0;  // of the program that it follows; 0: none yet
  std::string version;
  std::string backend;  // "userspace", "netem", or "none" with a message
  bool paused = false;
  bool leased = false;  // false: nobody renewed the lease; everything is rolled back
  bool clean = true;    // the kernel was read back and holds nothing of ours
  std::vector<Fault> active;
  std::string message;  // what is wrong, if anything
  bool operator==(const State&) const = default;
};

struct FaultStarted {
  Fault fault;
  std::string kernel;  // what was read back, for people
  bool operator==(const FaultStarted&) const = default;
};
struct FaultEnded {
  Fault fault;
  Time ended{};
  bool cut_short = false;     // before its planned end
  std::uint64_t packets = 0;  // that the target's faults touched meanwhile
  bool operator==(const FaultEnded&) const = default;
};
struct FaultFailed {
  Fault fault;
  std::string message;
  bool operator==(const FaultFailed&) const = default;
};
// The answer to every lease: whoever is frozen can't give it.
struct Alive {
  bool operator==(const Alive&) const = default;
};
// What `--examine` says of each backend, instead of everything else.
struct Examined {
  std::string backend;
  std::string missing;  // why it does not work; empty: it does
  bool operator==(const Examined&) const = default;
};
struct Log {
  std::string message;
  bool operator==(const Log&) const = default;
};

using Report = std::variant<State, FaultStarted, FaultEnded, FaultFailed, Alive, Examined, Log>;

// One line of JSON without its newline.
std::string to_json_line(const Report& report);

}  // namespace entropy::program
