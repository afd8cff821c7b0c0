// A failure that the service itself does to a container: durable before it is done, and until it is undone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.hpp"

namespace entropy::store {

// intended: it may have been done or not. held: done, and read back. over: nothing is to be undone; the row keeps it
// from being done twice in one window. Where it has a time, the engine may yet do late what lasts.
enum class ActState { intended, held, over };

struct ActRecord {
  std::uint64_t id = 0;  // 0: not in the store yet
  std::string endpoint;
  std::string container;  // id
  std::string name;       // of the container
  std::string policy;
  std::string target;   // the name that the dice are rolled for
  std::string failure;  // with its parameters, as in a policy: {"pause": {}}
  std::uint64_t window = 0;
  Time planned_start;
  std::optional<Time> planned_end;
  ActState state = ActState::intended;
  std::string former;        // what it was like before: a JSON object
  std::optional<Time> done;  // when
  bool operator==(const ActRecord&) const = default;
};

}  // namespace entropy::store
