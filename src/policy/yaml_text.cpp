#include "policy/yaml_text.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <tuple>

#include "base/text.hpp"
#include "base/units.hpp"
#include "base/utf8.hpp"
#include "policy/yaml_scalar.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

constexpr std::size_t deepest = 32;
constexpr std::size_t most_documents = 1000;

Place place_of(const YAML::Mark& mark) {
  return {static_cast<std::size_t>(std::max(mark.line, 0)) + 1, static_cast<std::size_t>(std::max(mark.column, 0)) + 1};
}

struct TooDeep {};  // ends the parser's run

// Makes values of what the parser finds. A map whose key is expected has `key` empty.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(YamlText& text) : text_(text) {}

  void OnDocumentStart(const YAML::Mark&) override { text_.documents.emplace_back(); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    const Place place = place_of(mark);
    if (!wants_key()) return add(nullptr, place);
    refuse(place, "a key is missing here (null is one only in quotes)");
    begin_entry("null", place);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    const Place place = place_of(mark);
    refuse(place, "aliases (*name) are not read here: write it out");
    wants_key() ? begin_entry("*", place) : add(nullptr, place);
  }

  // `tag` is "?" for a word without quotes and "!" for one in quotes.
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& text) override {
    const Place place = place_of(mark);
    refuse_tag(place, tag);
    if (wants_key()) return begin_entry(text, place);
    if (tag != "?") return add(json::value(text), place);
    auto value = read_plain_scalar(text);
    if (!value) refuse(place, value.error().message);
    add(value ? std::move(*value) : json::value(text), place);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(json::array(), place_of(mark), tag);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(json::object(), place_of(mark), tag);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    refuse(place_of(mark), "anchors (&name) are not read here: write it out");
  }

 private:
  struct Level {
    json::value value;
    std::string path;
    Place place;
    std::optional<std::string> key;
    bool repeated = false;  // the key was there already: its value is read and dropped
  };

  Document& document() { return text_.documents.back(); }
  void refuse(Place place, std::string message) { text_.problems.push_back({place, std::move(message)}); }
  void refuse_tag(Place place, std::string_view tag) {
    if (tag == "?" || tag == "!" || tag.empty() || tag == "tag:yaml.org,2002:str") return;
    refuse(place, concat("tags (", tag.substr(0, 80), ") are not read here"));
  }

  bool wants_key() const { return !open_.empty() && open_.back().value.is_object() && !open_.back().key; }

  void begin_entry(const std::string& key, Place place) {
    Level& level = open_.back();
    level.key = key;
    const auto known = document().places.find(child_path(level));
    level.repeated = level.value.get_object().contains(key);
    if (!level.repeated) {
      document().places.emplace(child_path(level), place);
      return;
    }
    const std::string before = known == document().places.end() ? "" : concat(", first in line ", known->second.line);
    refuse(place, concat("the key ", entropy::quoted(key.substr(0, 80)), " is given twice", before));
  }

  static std::string child_path(const Level& level) {
    const std::string name = level.value.is_object() ? level.key.value_or("") : concat(level.value.get_array().size());
    return level.path.empty() ? name : concat(level.path, ".", name);
  }

  void add(json::value value, Place place) {
    if (open_.empty()) {
      document().value = std::move(value);
      return;
    }
    Level& level = open_.back();
    if (auto* array = level.value.if_array()) {
      document().places.emplace(child_path(level), place);
      array->push_back(std::move(value));
      return;
    }
    if (!level.repeated) level.value.get_object()[*level.key] = std::move(value);
    level.key.reset();
  }

  void open(json::value empty, Place place, std::string_view tag) {
    refuse_tag(place, tag);
    if (open_.size() == deepest) {
      refuse(place, concat("more than ", deepest, " levels"));
      throw TooDeep();
    }
    if (wants_key()) {
      refuse(place, "a key is text, not a list or map");
      begin_entry("?", place);
    }
    std::string path = open_.empty() ? "" : child_path(open_.back());
    open_.push_back({std::move(empty), std::move(path), place, std::nullopt});
  }

  void close() {
    Level level = std::move(open_.back());
    open_.pop_back();
    add(std::move(level.value), level.place);
  }

  YamlText& text_;
  std::vector<Level> open_;
};

Place place_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line_begin = before.rfind('\n');
  return {static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1,
          offset - (line_begin == std::string_view::npos ? 0 : line_begin + 1) + 1};
}

// What yaml-cpp would take for the end of the text, or change.
std::optional<Problem> bad_bytes(std::string_view text) {
  if (text.size() > longest_yaml) return Problem{{}, "is longer than 1 MiB"};
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
      return Problem{place_at(text, i), "a control character (is it a text file?)"};
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return Problem{place_at(text, i), "a byte that is not UTF-8 (is it a text file?)"};
    i += length;
  }
  return std::nullopt;
}

}  // namespace

Place Document::place_of(std::string_view path) const {
  while (true) {
    if (const auto found = places.find(path); found != places.end()) return found->second;
    const auto dot = path.rfind('.');
    if (dot == std::string_view::npos) return {};
    path = path.substr(0, dot);
  }
}

void sort_by_place(std::vector<Problem>& problems) {
  std::ranges::sort(problems, {}, [](const Problem& each) { return std::tie(each.place, each.message); });
}

YamlText read_yaml(std::string_view text) {
  YamlText read;
  if (auto problem = bad_bytes(text)) {
    read.problems.push_back(std::move(*problem));
    return read;
  }
  std::istringstream stream{std::string(text)};
  Builder builder(read);
  try {
    YAML::Parser parser(stream);
    while (read.documents.size() < most_documents && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    read.problems.push_back({place_of(error.mark), concat("not YAML: ", error.msg)});
  } catch (const TooDeep&) {
  }
  sort_by_place(read.problems);
  return read;
}

namespace {

bool may_stand_bare(std::string_view text) {
  constexpr std::string_view harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=%-";
  if (text.empty() || text.find_first_not_of(harmless) != std::string_view::npos) return false;
  if (text.starts_with('-') || text.starts_with('=') || text.starts_with('%') || text == "null" || text == "Null" ||
      text == "NULL") {
    return false;
  }
  const auto value = read_plain_scalar(text);
  return value && value->is_string();
}

std::string scalar_text(const json::value& value) {
  if (const auto* text = value.if_string()) return may_stand_bare(*text) ? std::string(*text) : json_string(*text);
  if (const auto* number = value.if_double()) {
    // Without its point a large fraction would be an integer that nobody can hold.
    constexpr double largest_whole = 1e15;
    return concat(to_string(*number), *number > largest_whole || *number < -largest_whole ? ".0" : "");
  }
  return json::serialize(value);
}

void print(std::string& out, const json::value& value, std::size_t indent);

void print_entry(std::string& out, std::string_view head, const json::value& value, std::size_t indent) {
  out.append(indent, ' ');
  append(out, head);
  const bool nested =
      (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
  if (!nested) return append(out, concat(" ", scalar_text(value), "\n"));
  append(out, "\n");
  print(out, value, indent + 2);
}

void print(std::string& out, const json::value& value, std::size_t indent) {
  if (const auto* object = value.if_object()) {
    for (const auto& [key, entry] : *object) {
      print_entry(out, concat(may_stand_bare(key) ? std::string(key) : json_string(key), ":"), entry, indent);
    }
  } else if (const auto* array = value.if_array()) {
    for (const auto& entry : *array) print_entry(out, "-", entry, indent);
  }
}

}  // namespace

std::string print_yaml(const json::value& value) {
  const bool nested =
      (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
  if (!nested) return scalar_text(value) + "\n";
  std::string out;
  print(out, value, 0);
  return out;
}

}  // namespace entropy::policy
