// What can go wrong with a container itself: plain values. The service does these through the engine; injectors, which
// are in the network alone, don't know them. To add one: a struct with its `fields`, an alternative of
// `ContainerFailure`, a row in container.cpp, what it does in control/container_acts.cpp, tests.
#pragma once

#include <variant>

#include "failure/catalogue.hpp"
#include "failure/field.hpp"

namespace entropy::failure {

// "SIGKILL", "KILL" and "9" are the same; never one that would leave the process stopped.
struct SignalName {
  std::string text = "SIGKILL";
  bool operator==(const SignalName&) const = default;
};
template <>
struct Value<SignalName> {
  static std::string type() { return "signal"; }
  static Result<SignalName> read(std::string_view text);
  static std::string print(const SignalName& signal) { return signal.text; }
};

// How many CPUs' time, as 0.2.
struct Cpus {
  double number = 0;
  bool operator==(const Cpus&) const = default;
};
template <>
struct Value<Cpus> {
  static std::string type() { return "cpus"; }
  static Result<Cpus> read(std::string_view text);
  static std::string print(Cpus cpus) { return entropy::to_string(cpus.number); }
};

template <>
struct Value<bool> {
  static std::string type() { return "boolean"; }
  static Result<bool> read(std::string_view text);
  static std::string print(bool value) { return value ? "true" : "false"; }
};

inline constexpr Duration default_grace = std::chrono::seconds(10);  // Docker's own

struct Kill {
  static constexpr std::string_view name = "kill";
  SignalName signal;
  bool operator==(const Kill&) const = default;
  static const std::vector<Field<Kill>>& fields();
  Result<> check() const { return {}; }
};

struct Stop {
  static constexpr std::string_view name = "stop";
  Duration grace = default_grace;
  bool operator==(const Stop&) const = default;
  static const std::vector<Field<Stop>>& fields();
  Result<> check() const;
};

struct Restart {
  static constexpr std::string_view name = "restart";
  Duration grace = default_grace;
  bool operator==(const Restart&) const = default;
  static const std::vector<Field<Restart>>& fields();
  Result<> check() const;
};

struct Pause {
  static constexpr std::string_view name = "pause";
  bool operator==(const Pause&) const = default;
  static const std::vector<Field<Pause>>& fields();
  Result<> check() const { return {}; }
};

// Can't be undone; `force` has to be said.
struct Remove {
  static constexpr std::string_view name = "remove";
  bool force = false;
  bool volumes = false;  // its anonymous ones, too
  bool operator==(const Remove&) const = default;
  static const std::vector<Field<Remove>>& fields();
  Result<> check() const;
};

struct CpuLimit {
  static constexpr std::string_view name = "cpu";
  Cpus limit;
  bool operator==(const CpuLimit&) const = default;
  static const std::vector<Field<CpuLimit>>& fields();
  Result<> check() const;
};

struct MemoryLimit {
  static constexpr std::string_view name = "memory";
  Size limit{0};
  bool force = false;  // even below what the target uses
  bool operator==(const MemoryLimit&) const = default;
  static const std::vector<Field<MemoryLimit>>& fields();
  Result<> check() const;
};

struct PidsLimit {
  static constexpr std::string_view name = "pids";
  std::uint32_t limit = 0;
  bool operator==(const PidsLimit&) const = default;
  static const std::vector<Field<PidsLimit>>& fields();
  Result<> check() const;
};

using ContainerFailure = std::variant<Kill, Stop, Restart, Pause, Remove, CpuLimit, MemoryLimit, PidsLimit>;

// The rows of all failures that a policy may have: of the network, then of the container.
const std::vector<Kind>& every_kind();
// Of these, the row for a name or alias; the error says the nearest name.
Result<const Kind*> find_any_kind(std::string_view name);

// What a list as "latency,delay,loss" names, without aliases; a name that is not ours is a custom image's.
std::vector<std::string> names_in(std::string_view list);
// Whether the name is that of a failure of the container.
bool is_of_container(std::string_view name);
// As `parse` of the catalogue.
Result<ContainerFailure> parse_container(std::string_view name, const Params& params);
std::string_view name_of(const ContainerFailure& failure);
Params print(const ContainerFailure& failure);
std::string to_string(const ContainerFailure& failure);

// Over at once, and nothing to undo: kill, restart, remove.
bool is_instant(const ContainerFailure& failure);
// What takes the container away for a while or for good: all but the limits. One at a time on a container.
bool takes_down(const ContainerFailure& failure);

}  // namespace entropy::failure
