#include "policy/yaml_text.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "base/text.hpp"
#include "base/units.hpp"
#include "policy/yaml_scalar.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

Place place_of(const YAML::Mark& mark) {
  return {static_cast<std::size_t>(std::max(mark.line, 0)) + 1, static_cast<std::size_t>(std::max(mark.column, 0)) + 1};
}

struct TooMuch {};  // ends the parser's run

class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(Documents& into) : into_(into), documents_(into) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (into_.documents.size() == most_documents) {
      documents_.refuse(place_of(mark), std::string(too_many_documents));
      throw TooMuch();
    }
    documents_.begin_document();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    const Place place = place_of(mark);
    if (!documents_.wants_key()) return documents_.value(nullptr, place);
    documents_.refuse(place, "a key is missing here (null is one only in quotes)");
    documents_.key("null", place);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    const Place place = place_of(mark);
    documents_.refuse(place, "aliases (*name) are not read here: write it out");
    documents_.wants_key() ? documents_.key("*", place) : documents_.value(nullptr, place);
  }

  // `tag` is "?" for a word without quotes and "!" for one in quotes.
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& text) override {
    const Place place = place_of(mark);
    refuse_tag(place, tag);
    if (documents_.wants_key()) return documents_.key(text, place);
    if (tag != "?") return documents_.value(json::value(text), place);
    auto value = read_plain_scalar(text);
    if (!value) documents_.refuse(place, value.error().message);
    documents_.value(value ? std::move(*value) : json::value(text), place);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(json::array(), place_of(mark), tag);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(json::object(), place_of(mark), tag);
  }
  void OnSequenceEnd() override { documents_.close(); }
  void OnMapEnd() override { documents_.close(); }

  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    documents_.refuse(place_of(mark), "anchors (&name) are not read here: write it out");
  }

 private:
  void refuse_tag(Place place, std::string_view tag) {
    if (tag == "?" || tag == "!" || tag.empty() || tag == "tag:yaml.org,2002:str") return;
    documents_.refuse(place, concat("tags (", tag.substr(0, 80), ") are not read here"));
  }

  void open(json::value empty, Place place, std::string_view tag) {
    refuse_tag(place, tag);
    if (documents_.wants_key()) {
      documents_.refuse(place, "a key is text, not a list or map");
      documents_.key("?", place);
    }
    if (!documents_.open(std::move(empty), place)) throw TooMuch();
  }

  const Documents& into_;
  DocumentBuilder documents_;
};

}  // namespace

Documents read_yaml(std::string_view text) {
  Documents read;
  if (auto problem = bad_bytes(text)) {
    read.problems.push_back(std::move(*problem));
    return read;
  }
  std::istringstream stream{std::string(text)};
  Builder builder(read);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    read.problems.push_back({place_of(error.mark), concat("not YAML: ", error.msg)});
  } catch (const TooMuch&) {
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
