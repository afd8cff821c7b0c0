// The audit log: one row for each request that was to change something.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.hpp"

namespace entropy::store {

struct Caller {
  std::string by;    // "token", "token, certificate alice"
  std::string from;  // "127.0.0.1:40312", "unix socket: user 1000, process 4242"
  bool operator==(const Caller&) const = default;
};

struct AuditRecord {
  Caller caller;
  std::string method;
  std::string path;     // with its query; of a policy that was created without a name, the policy's
  unsigned status = 0;  // of the answer; 0: under way, or cut short by the service's end
  Time time = {};
  std::uint64_t id = 0;  // grows with time; the cursor of a listing
  bool operator==(const AuditRecord&) const = default;
};

struct AuditQuery {
  std::optional<Time> since = {};
  std::optional<Time> until = {};
  std::size_t limit = 100;   // at most 1000
  std::uint64_t cursor = 0;  // only older than this id; 0: from the newest on
};

}  // namespace entropy::store
