#include "policy/yaml_scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view without_sign(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text;
}

bool consists_of(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

constexpr std::string_view digits = "0123456789";

bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return consists_of(text, digits) && (text == "0" || text.front() != '0');
}

// "0.25", ".25", "-1.5e3"; not "5." and not "012.5".
bool is_fraction(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto end_of_whole = std::min(text.find_first_not_of(digits), text.size());
  if (end_of_whole > 1 && text.front() == '0') return false;
  std::string_view rest = text.substr(end_of_whole);
  bool has_fraction = false;
  if (rest.starts_with('.')) {
    const auto end = std::min(rest.find_first_not_of(digits, 1), rest.size());
    if (end == 1) return false;
    has_fraction = true;
    rest = rest.substr(end);
  }
  if (end_of_whole == 0 && !has_fraction) return false;
  if (rest.empty()) return has_fraction;
  if (rest.front() != 'e' && rest.front() != 'E') return false;
  return consists_of(without_sign(rest.substr(1)), digits);
}

// "1:30", which readers of YAML 1.1 take for 90.
bool is_sexagesimal(std::string_view text) {
  text = without_sign(text);
  return !text.empty() && is_digit(text.front()) && is_digit(text.back()) && text.contains(':') &&
         consists_of(text, "0123456789:_.") && !text.contains("::");
}

// Why the word is a number to some readers and another one, or none, to others; empty where it is not.
std::string number_trouble(std::string_view text) {
  const std::string_view bare = without_sign(text);
  const std::string small = lower(bare);
  if (small == ".inf" || small == ".nan") return "is no number that can be used";
  if (is_sexagesimal(text)) return "is a number to base 60 to some readers: write it with a unit, or in quotes";
  if (bare.size() > 1 && bare.front() == '0' && consists_of(bare, "0123456789_"))
    return "is octal to some readers and decimal to others: leave out the zero in front, or put it in quotes";
  const bool has_prefix = small.starts_with("0x") || small.starts_with("0o") || small.starts_with("0b");
  if (has_prefix && consists_of(std::string_view(small).substr(2), "0123456789abcdef_"))
    return "is a number to some readers and text to others: write it in decimal, or in quotes";
  if (!bare.empty() && is_digit(bare.front()) && bare.contains('_') && consists_of(bare, "0123456789_."))
    return "is a number to some readers and text to others: leave out the underscores, or put it in quotes";
  if (text.starts_with('+') && (is_decimal(bare) || is_fraction(bare))) return "is written without the +";
  return {};
}

std::string boolean_trouble(std::string_view text) {
  constexpr std::array<std::string_view, 8> words = {"y", "n", "yes", "no", "on", "off", "true", "false"};
  if (std::ranges::find(words, lower(text)) == words.end()) return {};
  return "is a boolean to some readers and text to others: write true or false, or put it in quotes";
}

Result<json::value> read_integer(std::string_view text) {
  std::int64_t whole = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (read.ec == std::errc()) return json::value(whole);
  std::uint64_t large = 0;
  const auto again = std::from_chars(text.data(), text.data() + text.size(), large);
  if (again.ec == std::errc()) return json::value(large);
  return fail(ErrorCode::invalid, concat(text.substr(0, 80), " is too large a number"));
}

Result<json::value> read_fraction(std::string_view text) {
  // from_chars wants a digit in front of the point.
  const bool negative = text.starts_with('-');
  const std::string complete = concat(negative ? "-" : "", text.contains("-.") || text.starts_with('.') ? "0" : "",
                                      text.substr(negative ? 1 : 0));
  double number = 0;
  const auto read = std::from_chars(complete.data(), complete.data() + complete.size(), number);
  if (read.ec != std::errc() && !std::isfinite(number))
    return fail(ErrorCode::invalid, concat(text.substr(0, 80), " is too large a number"));
  if (read.ec != std::errc()) return fail(ErrorCode::invalid, concat(text.substr(0, 80), " is out of range"));
  return json::value(number);
}

}  // namespace

Result<json::value> read_plain_scalar(std::string_view text) {
  if (text == "true") return json::value(true);
  if (text == "false") return json::value(false);
  if (is_decimal(text)) return read_integer(text);
  if (is_fraction(text)) return read_fraction(text);
  for (const auto& trouble : {boolean_trouble(text), number_trouble(text)}) {
    if (!trouble.empty()) return fail(ErrorCode::invalid, concat(text.substr(0, 80), " ", trouble));
  }
  return json::value(text);
}

}  // namespace entropy::policy
