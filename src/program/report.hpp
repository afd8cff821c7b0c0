// What an injector tells the manager on its standard output: a header, then one JSON object a line. The same lines are
// the container's log, for people. (The header and "event" lines are the contract of custom injector images, too.)
#pragma once

#include <cstdint>
#include <optional>
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

// What the packets that a fault is for went through while it held.
struct Measured {
  std::uint64_t packets = 0;  // of `dns`: answers to look-ups
  std::uint64_t dropped = 0;
  std::uint64_t delayed = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t altered = 0;        // answers that were made others
  std::uint64_t connections = 0;    // of TCP that exchanged anything meanwhile
  std::uint64_t segments = 0;       // that these sent
  std::uint64_t retransmitted = 0;  // of the segments
  // Medians of what these connections, and those before the fault, held for the round-trip time.
  std::optional<Duration> rtt = std::nullopt;
  std::optional<Duration> rtt_before = std::nullopt;
  std::string asked = {};  // of the fault, for people: "delay 100ms"
  bool operator==(const Measured&) const = default;
};

struct FaultFailed {
  Fault fault;
  std::string message;
  bool operator==(const FaultFailed&) const = default;
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
  std::string message;  // what is wrong with the injector as a whole, if anything
  // Line by line what is done to whose packets and by whose doing; for people.
  std::vector<std::string> effects = {};
  std::vector<FaultFailed> failed = {};  // what should hold now and does not
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
  bool cut_short = false;  // before its planned end
  Measured measured;
  std::string kernel;  // what was read back afterwards, for people; empty: nothing of ours
  bool operator==(const FaultEnded&) const = default;
};
struct Progress {
  Fault fault;
  Measured measured;
  bool operator==(const Progress&) const = default;
};
// The answer to every lease: whoever is frozen can't give it. Tells of the faults that hold.
struct Alive {
  std::vector<Progress> faults;
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

// A JSON object, without `packets`, which has a place of its own.
std::string to_json(const Measured& measured);

// One line of JSON without its newline.
std::string to_json_line(const Report& report);

}  // namespace entropy::program
