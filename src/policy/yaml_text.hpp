// YAML text as the values that the API takes, read strictly: what two readers understand differently is
// refused instead of guessed. (yaml-cpp takes duplicate keys, reads 012 as 10 and on as true.)
//
// Refused: duplicate keys, octal and other numbers that are not plainly decimal, yes/no/on/off, anchors and aliases,
// tags but !!str, keys that are no text, control characters, bytes that are not UTF-8, more than 32 levels or 1 MiB.
#pragma once

#include <string>
#include <string_view>

#include "policy/document.hpp"

namespace entropy::policy {

// Documents are separated by `---`.
Documents read_yaml(std::string_view text);

// One document that `read_yaml` reads back as the same value (but for fractions that are whole numbers).
std::string print_yaml(const boost::json::value& value);

}  // namespace entropy::policy
