#include <boost/json/basic_parser_impl.hpp>
#include <cmath>
#include <set>

#include "base/text.hpp"
#include "policy/policy_json.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

// Boost.JSON keeps the last of two equal keys and reads 1e400 as infinity; both hide a user's mistake.
Result<> check_numbers(const json::value& value) {
  if (const auto* number = value.if_double(); number != nullptr && !std::isfinite(*number)) {
    return fail(ErrorCode::invalid, "a number is too large");
  }
  if (const auto* array = value.if_array()) {
    for (const auto& entry : *array) {
      const auto checked = check_numbers(entry);
      if (!checked) return checked;
    }
  }
  if (const auto* object = value.if_object()) {
    for (const auto& [key, entry] : *object) {
      const auto checked = check_numbers(entry);
      if (!checked) return checked;
    }
  }
  return {};
}

// A SAX handler that only looks for an object with the same key twice.
struct KeyWatcher {
  static constexpr std::size_t max_array_size = 100'000;
  static constexpr std::size_t max_object_size = 10'000;
  static constexpr std::size_t max_string_size = 1 << 20;
  static constexpr std::size_t max_key_size = 1 << 12;

  std::vector<std::set<std::string>> open_objects;
  std::string key;
  std::string duplicate;

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    open_objects.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, json::error_code&) {
    open_objects.pop_back();
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t, json::error_code&) { return true; }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    key += part;
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    key += part;
    if (!open_objects.back().insert(key).second) duplicate = key;
    key.clear();
    return true;
  }
  bool on_string_part(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_string(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, json::error_code&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return true; }
  bool on_double(double, json::string_view, json::error_code&) { return true; }
  bool on_bool(bool, json::error_code&) { return true; }
  bool on_null(json::error_code&) { return true; }
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
  json::basic_parser<KeyWatcher> watcher{json::parse_options{}};
  json::error_code error;
  const std::size_t read = watcher.write_some(false, text.data(), text.size(), error);
  if (error || read != text.size()) {
    const std::string why = error ? error.message() : "text after the end";
    return fail(ErrorCode::invalid, concat("not JSON: ", why, " at ", place_of(text, read)));
  }
  if (!watcher.handler().duplicate.empty()) {
    return fail(ErrorCode::invalid, concat("the key ", quoted(watcher.handler().duplicate), " is given twice"));
  }
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) return fail(ErrorCode::invalid, concat("not JSON: ", error.message()));
  const auto checked = check_numbers(value);
  if (!checked) return fail(checked.error());
  return value;
}

}  // namespace entropy::policy
