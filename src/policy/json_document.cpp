#include "policy/json_document.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <utility>

#include "base/text.hpp"
#include "policy/json_number.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

constexpr std::string_view blanks = " \t\r\n";

// Where each key and value begins, in the order in which the parser finds them: it does not say itself.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {}

  Place next() {
    while (at_ < text_.size() && std::string_view(" \t\r\n,:]}").contains(text_[at_])) step();
    const Place place{line_, at_ - line_begin_ + 1};
    if (at_ < text_.size()) pass();
    return place;
  }

 private:
  void step() {
    if (text_[at_] == '\n') {
      ++line_;
      line_begin_ = at_ + 1;
    }
    ++at_;
  }
  void pass() {
    const char first = text_[at_++];
    if (first == '{' || first == '[') return;
    if (first == '"') return pass_string();
    while (at_ < text_.size() && !std::string_view(" \t\r\n,:]}{[\"").contains(text_[at_])) ++at_;
  }
  void pass_string() {
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t line_begin_ = 0;
};

// Hands on what Boost's parser finds.
struct Handler {
  static constexpr std::size_t max_array_size = longest_text;
  static constexpr std::size_t max_object_size = longest_text;
  static constexpr std::size_t max_string_size = longest_text;
  static constexpr std::size_t max_key_size = longest_text;

  Handler(DocumentBuilder& its_documents, Places& its_places) : documents(its_documents), places(its_places) {}

  bool on_document_begin(json::error_code&) {
    documents.begin_document();
    return true;
  }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code& error) { return open(json::object(), error); }
  bool on_array_begin(json::error_code& error) { return open(json::array(), error); }
  bool on_object_end(std::size_t, json::error_code&) { return close(); }
  bool on_array_end(std::size_t, json::error_code&) { return close(); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return add(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    documents.key(whole(part), places.next());
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return add(part); }
  bool on_string(json::string_view part, std::size_t, json::error_code&) { return value(json::value(whole(part))); }
  bool on_number_part(json::string_view part, json::error_code&) { return add(part); }
  bool on_int64(std::int64_t number, json::string_view part, json::error_code&) {
    whole(part);
    return value(number);
  }
  bool on_uint64(std::uint64_t number, json::string_view part, json::error_code&) {
    whole(part);
    return value(number);
  }
  bool on_double(double near, json::string_view part, json::error_code&) {
    const auto number = exact_number(whole(part), near);
    const Place place = places.next();
    if (!number) documents.refuse(place, "a number is too large");
    documents.value(number.value_or(0), place);
    return true;
  }
  bool on_bool(bool given, json::error_code&) { return value(given); }
  bool on_null(json::error_code&) { return value(nullptr); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  DocumentBuilder& documents;
  Places& places;
  std::string text;  // the part of a key, string or number that has come
  bool too_deep = false;

 private:
  bool add(json::string_view part) {
    text += part;
    return true;
  }
  std::string whole(json::string_view last) {
    text += last;
    return std::exchange(text, {});
  }
  bool value(json::value value) {
    documents.value(std::move(value), places.next());
    return true;
  }
  bool open(json::value empty, json::error_code& error) {
    if (documents.open(std::move(empty), places.next())) return true;
    too_deep = true;
    error = json::error::too_deep;
    return false;
  }
  bool close() {
    documents.close();
    return true;
  }
};

}  // namespace

Documents read_json_documents(std::string_view text) {
  Documents read;
  if (auto problem = bad_bytes(text)) {
    read.problems.push_back(std::move(*problem));
    return read;
  }
  json::parse_options options;
  options.max_depth = DocumentBuilder::deepest + 1;  // the builder says where
  DocumentBuilder builder(read);
  Places places(text);
  std::size_t at = text.find_first_not_of(blanks);
  while (at < text.size()) {
    const std::size_t whole = read.documents.size();
    if (whole == most_documents) {
      read.problems.push_back({place_at(text, at), std::string(too_many_documents)});
      break;
    }
    json::basic_parser<Handler> parser(options, builder, places);
    json::error_code error;
    at += parser.write_some(false, text.data() + at, text.size() - at, error);
    if (error && !parser.handler().too_deep)
      read.problems.push_back({place_at(text, at), concat("not JSON: ", error.message())});
    if (error) {
      read.documents.resize(whole);
      break;
    }
    at = text.find_first_not_of(blanks, at);
  }
  sort_by_place(read.problems);
  return read;
}

}  // namespace entropy::policy
