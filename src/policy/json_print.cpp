#include "base/text.hpp"
#include "policy/policy_json.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

void print(std::string& out, const json::value& value, std::size_t indent, JsonStyle style);

void new_line(std::string& out, std::size_t indent, JsonStyle style) {
  if (style == JsonStyle::compact) return;
  out += '\n';
  out.append(indent * 4, ' ');
}

// `[a,b]` and `{"k":v}` alike: the entries between two brackets.
template <class Container, class PrintEntry>
void print_entries(std::string& out, const Container& entries, std::string_view brackets, std::size_t indent,
                   JsonStyle style, PrintEntry print_entry) {
  out += brackets[0];
  for (bool first = true; const auto& entry : entries) {
    if (!first) out += ',';
    first = false;
    new_line(out, indent + 1, style);
    print_entry(entry);
  }
  if (!entries.empty()) new_line(out, indent, style);
  out += brackets[1];
}

void print_object(std::string& out, const json::object& object, std::size_t indent, JsonStyle style) {
  print_entries(out, object, "{}", indent, style, [&](const auto& entry) {
    append(out, json_string(entry.key()));
    append(out, style == JsonStyle::compact ? ":" : ": ");
    print(out, entry.value(), indent + 1, style);
  });
}

void print(std::string& out, const json::value& value, std::size_t indent, JsonStyle style) {
  switch (value.kind()) {
    case json::kind::null:
      return append(out, "null");
    case json::kind::bool_:
      return append(out, value.get_bool() ? "true" : "false");
    case json::kind::int64:
      return append(out, value.get_int64());
    case json::kind::uint64:
      return append(out, value.get_uint64());
    case json::kind::double_:
      return append(out, to_string(value.get_double()));
    case json::kind::string:
      return append(out, json_string(value.get_string()));
    case json::kind::object:
      return print_object(out, value.get_object(), indent, style);
    case json::kind::array:
      return print_entries(out, value.get_array(), "[]", indent, style,
                           [&](const json::value& entry) { print(out, entry, indent + 1, style); });
  }
}

}  // namespace

std::string print_json(const json::value& value, JsonStyle style) {
  std::string out;
  print(out, value, 0, style);
  return out;
}

}  // namespace entropy::policy
