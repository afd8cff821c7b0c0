// YAML and JSON text as the values that the API takes, read strictly: what two readers understand differently is
// refused instead of guessed. (yaml-cpp takes duplicate keys, reads 012 as 10 and on as true.)
//
// Refused: duplicate keys, octal and other numbers that are not plainly decimal, yes/no/on/off, anchors and aliases,
// tags but !!str, keys that are no text, control characters, bytes that are not UTF-8, more than 32 levels or 1 MiB.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace entropy::policy {

struct Place {
  std::size_t line = 1;
  std::size_t column = 1;
  auto operator<=>(const Place&) const = default;
};

struct Problem {
  Place place;
  std::string message;
};

struct Document {
  boost::json::value value;
  // Of every key and entry, by its path: "policies.slow-db.failure".
  std::map<std::string, Place, std::less<>> places;

  // Of the path, else of the nearest thing around it.
  Place place_of(std::string_view path) const;
};

struct YamlText {
  std::vector<Document> documents;  // separated by `---`; what could be read of them, where there are problems
  std::vector<Problem> problems;    // in the order of their places
};

void sort_by_place(std::vector<Problem>& problems);

inline constexpr std::size_t longest_yaml = 1 << 20;

YamlText read_yaml(std::string_view text);

// One document that `read_yaml` reads back as the same value (but for fractions that are whole numbers).
std::string print_yaml(const boost::json::value& value);

}  // namespace entropy::policy
