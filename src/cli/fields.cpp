#include "cli/fields.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

// "NextWindow" -> "next_window", "ID" -> "id".
std::string snake_case(std::string_view name) {
  std::string out;
  bool lower_before = false;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && lower_before) out += '_';
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
    lower_before = !upper && c != '_';
  }
  return out;
}

std::vector<std::string> keys_of(const json::value& value) {
  std::vector<std::string> keys;
  if (const auto* object = value.if_object()) {
    for (const auto& [key, entry] : *object) keys.emplace_back(key);
  }
  return keys;
}

std::unexpected<Error> no_field(const json::value& object, std::string_view path) {
  return fail(ErrorCode::invalid,
              concat("there is no field ", quoted(path), did_you_mean(snake_case(path), keys_of(object))));
}

// What stands between {{ and }}.
Result<std::string> evaluate(std::string_view expression, const json::value& object) {
  std::string_view rest = trim(expression);
  const bool as_json = rest.starts_with("json ");
  if (as_json) rest = trim(rest.substr(5));
  if (rest == "." && as_json) return policy::print_json(object);
  if (!rest.starts_with('.') || rest.size() < 2) {
    return fail(ErrorCode::invalid,
                concat("the template {{", expression, "}} is not understood: {{.Field}} and {{json .}} are"));
  }
  const auto* value = find_field(object, rest.substr(1));
  if (value == nullptr) return no_field(object, rest.substr(1));
  return as_json ? policy::print_json(*value) : field_text(value);
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 't');
    if (escape) ++i;
    out += !escape ? text[i] : text[i] == 'n' ? '\n' : '\t';
  }
  return out;
}

}  // namespace

const json::value* find_field(const json::value& object, std::string_view path) {
  const json::value* value = &object;
  for (const std::string_view name : split(path, '.')) {
    const auto* here = value->if_object();
    if (here == nullptr) return nullptr;
    const auto* next = here->if_contains(snake_case(name));
    const auto* status = here->if_contains("status");
    if (next == nullptr && value == &object && status != nullptr && status->is_object()) {
      next = status->get_object().if_contains(snake_case(name));
    }
    if (next == nullptr) return nullptr;
    value = next;
  }
  return value;
}

std::string field_text(const json::value* value) {
  if (value == nullptr || value->is_null()) return "";
  if (const auto* text = value->if_string()) return std::string(*text);
  if (value->is_object()) return join(keys_of(*value), ",");
  const auto* array = value->if_array();
  const auto is_text = [](const json::value& entry) { return entry.is_string(); };
  if (array == nullptr || !std::ranges::all_of(*array, is_text)) return policy::print_json(*value);
  std::vector<std::string> texts;
  for (const auto& entry : *array) texts.emplace_back(entry.get_string());
  return join(texts, ",");
}

std::string field_text(const json::value& object, std::string_view path) {
  return field_text(find_field(object, path));
}

Result<std::string> expand_template(std::string_view text, const json::value& object) {
  std::string out;
  while (true) {
    const auto open = text.find("{{");
    out += unescaped(text.substr(0, open));
    if (open == std::string_view::npos) return out;
    const auto close = text.find("}}", open);
    if (close == std::string_view::npos) return fail(ErrorCode::invalid, "the template has a {{ without }}");
    const auto value = evaluate(text.substr(open + 2, close - open - 2), object);
    if (!value) return value;
    out += *value;
    text.remove_prefix(close + 2);
  }
}

namespace {

// As Docker's: "label=K" or "label=K=V", of the object's labels.
bool has_label(const json::value& object, std::string_view wanted) {
  const auto* labels = find_field(object, "labels");
  if (labels == nullptr || !labels->is_object()) return false;
  const auto equals = wanted.find('=');
  const auto* text = labels->get_object().if_contains(wanted.substr(0, equals));
  return text != nullptr &&
         (equals == std::string_view::npos || glob_match(wanted.substr(equals + 1), field_text(text)));
}

}  // namespace

Result<bool> passes_filters(const json::value& object, const std::vector<std::string>& filters) {
  std::map<std::string_view, bool> keys;
  for (const std::string_view filter : filters) {
    const auto equals = filter.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return fail(ErrorCode::invalid, concat("the filter ", quoted(filter), " is not KEY=VALUE"));
    }
    const std::string_view key = filter.substr(0, equals);
    if (key == "label") {
      if (!has_label(object, filter.substr(equals + 1))) return false;
      continue;
    }
    const auto* value = find_field(object, key);
    if (value == nullptr) return no_field(object, key);
    const std::string text = field_text(value);
    const auto matches = [&](std::string_view one) { return glob_match(filter.substr(equals + 1), one); };
    const bool several = value->is_array() || value->is_object();
    keys[key] |= matches(text) || (several && std::ranges::any_of(split(text, ','), matches));
  }
  return std::ranges::all_of(keys, [](const auto& key) { return key.second; });
}

}  // namespace entropy::cli
