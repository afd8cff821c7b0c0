// The failures that Entropy offers: one explicit table, and what reads and prints by it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "failure/failure.hpp"

namespace entropy::failure {

struct Parameter {
  std::string name;
  std::string type;           // "duration", "percent", "integer", ... "list of port", or the words as "a|b|c"
  std::string default_value;  // empty where required, and where there is none
  bool required = false;
  bool list = false;  // may be given several times, or as an array
  std::string description;
};

// One row of the catalogue.
struct Kind {
  std::string name;
  std::vector<std::string> aliases;
  std::string description;
  std::vector<Parameter> parameters;
  Result<Failure> (*parse)(const Params& params) = nullptr;  // none: it is not a failure of the network
};

// Those of the network, which injectors make. All that a policy may have: failure/container.hpp.
const std::vector<Kind>& catalogue();

// The row for a name or alias; the error says the nearest name.
Result<const Kind*> find_kind(std::string_view name);

// Every wrong parameter is in the error's `fields`, as "<failure>.<parameter>".
Result<Failure> parse(std::string_view name, const Params& params);

std::string_view name_of(const Failure& failure);

// Which packets it is for; of a failure that has no filter of packets, one that says nothing.
const Filter& filter_of(const Failure& failure);

// What differs from the defaults, and what is required; a list as one parameter for each entry. `parse` reads it back
// to the same value.
Params print(const Failure& failure);

// For people: "latency delay=200ms".
std::string to_string(const Failure& failure);

}  // namespace entropy::failure
