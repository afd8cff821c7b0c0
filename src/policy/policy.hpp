// A policy: what shall go wrong, for whom, when and how often. Values only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "failure/container.hpp"
#include "failure/failure.hpp"
#include "policy/condition.hpp"
#include "policy/pick.hpp"
#include "policy/schedule.hpp"
#include "policy/selector.hpp"

namespace entropy::policy {

// A failure of a custom injector image (docs/injectors.md): its name and parameters are the image's own words.
struct CustomFailure {
  std::string image;              // as an engine finds it: "team/injector:2"
  std::string name;               // [a-zA-Z0-9][a-zA-Z0-9_.:/-]*, at most 63 characters
  std::string parameters = "{}";  // a JSON object as `print_json` prints it
  bool operator==(const CustomFailure&) const = default;
};

struct Policy {
  std::string name;
  std::string description;
  std::map<std::string, std::string> labels;  // for those who made it: whose it is, what it is for
  Selector selector;
  // These act together: at least one, or none with `custom`.
  std::vector<failure::Failure> failures;                     // of the network, by injectors
  std::vector<failure::ContainerFailure> container_failures;  // of the container itself, by the service
  std::optional<CustomFailure> custom = std::nullopt;
  Schedule schedule;
  Pick pick;
  std::vector<Condition> stop_when = {};   // any of these stops it
  std::vector<Condition> start_when = {};  // it begins when all of these hold at once
  bool running = true;                     // the `state` that the user wants
  bool operator==(const Policy&) const = default;
};

// A policy as it is kept.
struct Record {
  Policy policy;
  std::uint64_t revision = 0;  // 1 at first, then one more with every change
  Time created;
  Time updated;
  bool held = false;                           // it runs, but waits for its `start_when`
  std::optional<Stop> stopped = std::nullopt;  // by its `stop_when`, since it was started last
  bool operator==(const Record&) const = default;
};

// Whether its schedule counts.
inline bool is_on(const Record& record) { return record.policy.running && !record.held; }

// When it is over: its schedule's expiry. One that is held has no windows yet, but a ttl goes by.
Time end_of(const Record& record);

// What goes wrong, by name.
std::vector<std::string> failure_names(const Policy& policy);

// Whether its failures are over at once: its windows have a beginning and nothing else.
bool is_instant(const Policy& policy);

// [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 63 characters.
Result<> check_name(std::string_view name);

// "brave-otter": for whoever gives none. `entropy` numbers are consumed as they come.
std::string make_name(std::uint64_t random);

// Whether a change from `before` to `after` begins the schedule anew (a new epoch).
bool restarts_schedule(const Policy& before, const Policy& after);

}  // namespace entropy::policy
