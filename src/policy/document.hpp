// What a file of text says: values, and where in the text each of them stands. YAML and JSON are read into these.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
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

struct Documents {
  std::vector<Document> documents;  // what could be read of them, where there are problems
  std::vector<Problem> problems;    // in the order of their places
};

void sort_by_place(std::vector<Problem>& problems);

inline constexpr std::size_t longest_text = 1 << 20;
inline constexpr std::size_t most_documents = 1000;
inline constexpr std::string_view too_many_documents = "more than 1000 documents: put them into several files";

// What no policy file holds: too much of it, control characters, bytes that are not UTF-8.
std::optional<Problem> bad_bytes(std::string_view text);

Place place_at(std::string_view text, std::size_t offset);

// Makes documents of what a parser finds. Of two equal keys the first one counts; the second is a problem.
class DocumentBuilder {
 public:
  static constexpr std::size_t deepest = 32;

  explicit DocumentBuilder(Documents& into) : into_(into) {}

  void begin_document() { into_.documents.emplace_back(); }
  void refuse(Place place, std::string message) { into_.problems.push_back({place, std::move(message)}); }

  // Whether a key comes next, of the map that is open.
  bool wants_key() const { return !open_.empty() && open_.back().value.is_object() && !open_.back().key; }
  void key(const std::string& key, Place place);
  void value(boost::json::value value, Place place);
  // A list or map; false if that were one level too many.
  bool open(boost::json::value empty, Place place);
  void close();

 private:
  struct Level {
    boost::json::value value;
    std::string path;
    Place place;
    std::optional<std::string> key;
    bool repeated = false;  // the key was there already: its value is read and dropped
  };
  Document& document() { return into_.documents.back(); }
  static std::string child_path(const Level& level);

  Documents& into_;
  std::vector<Level> open_;
};

}  // namespace entropy::policy
