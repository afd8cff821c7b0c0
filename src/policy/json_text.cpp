#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <set>

#include "base/text.hpp"
#include "policy/json_number.hpp"
#include "policy/policy_json.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

// Makes a value of what the parser finds, as Boost's own handler does, but for two things that hide a user's mistake or
// change what he has written: Boost keeps the last of two equal keys, and its numbers are not exact.
struct Builder {
  static constexpr std::size_t max_array_size = 100'000;
  static constexpr std::size_t max_object_size = 10'000;
  static constexpr std::size_t max_string_size = 1 << 20;
  static constexpr std::size_t max_key_size = 1 << 12;

  json::value_stack values;
  std::vector<std::set<std::string>> open_objects;
  std::string key;
  std::string number;  // the part of its text that has come
  std::string problem;

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    open_objects.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t size, json::error_code&) {
    open_objects.pop_back();
    values.push_object(size);
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t size, json::error_code&) {
    values.push_array(size);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    key += part;
    values.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    key += part;
    values.push_key(part);
    if (!open_objects.back().insert(key).second) problem = concat("the key ", quoted(key), " is given twice");
    key.clear();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    values.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    values.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view part, json::error_code&) {
    number += part;
    return true;
  }
  bool on_int64(std::int64_t value, json::string_view, json::error_code&) {
    number.clear();
    values.push_int64(value);
    return true;
  }
  bool on_uint64(std::uint64_t value, json::string_view, json::error_code&) {
    number.clear();
    values.push_uint64(value);
    return true;
  }
  bool on_double(double near, json::string_view part, json::error_code&) {
    number += part;
    const auto value = exact_number(number, near);
    if (!value) problem = "a number is too large";
    number.clear();
    values.push_double(value.value_or(0));
    return true;
  }
  bool on_bool(bool value, json::error_code&) {
    values.push_bool(value);
    return true;
  }
  bool on_null(json::error_code&) {
    values.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

std::string place_of(std::string_view text, std::size_t offset) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (const char c : text.substr(0, offset)) {
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n' ? 1 : 0;
  }
  return concat("line ", line, ", column ", column);
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::basic_parser<Builder> parser{json::parse_options{}};
  Builder& builder = parser.handler();
  builder.values.reset();
  json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (error || read != text.size()) {
    const std::string why = error ? error.message() : "text after the end";
    return fail(ErrorCode::invalid, concat("not JSON: ", why, " at ", place_of(text, read)));
  }
  if (!builder.problem.empty()) return fail(ErrorCode::invalid, builder.problem);
  return builder.values.release();
}

}  // namespace entropy::policy
