#include "base/units.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/text.hpp"

namespace entropy {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};
// Largest first: printing takes them in this order. Reading takes the longest letters that follow the number.
constexpr std::array<Unit, 6> units = {{
    {"d", 86'400'000'000},
    {"h", 3'600'000'000},
    {"m", 60'000'000},
    {"s", 1'000'000},
    {"ms", 1'000},
    {"us", 1},
}};
constexpr std::string_view unit_help = "use us, ms, s, m, h or d, as in \"250ms\" or \"1m30s\"";
constexpr std::int64_t longest = 1000LL * 365 * units[0].microseconds;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate predicate) {
  std::size_t n = 0;
  while (n < text.size() && predicate(text[n])) ++n;
  const std::string_view taken = text.substr(0, n);
  text.remove_prefix(n);
  return taken;
}

// A decimal number without sign or exponent: "10", "0.25", ".25".
std::optional<double> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 24 || text == ".") return std::nullopt;
  int dots = 0;
  for (const char c : text) {
    if (c == '.') ++dots;
    if ((c != '.' && !is_digit(c)) || dots > 1) return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

const Unit* find_unit(std::string_view name) {
  for (const auto& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::unexpected<Error> bad_duration(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid, concat(quoted(text), " is not a duration: ", why));
}

}  // namespace

Result<Duration> parse_duration(std::string_view text, BareNumber bare) {
  std::string_view rest = trim(text);
  if (rest.empty()) return bad_duration(text, unit_help);
  if (rest.front() == '-') return bad_duration(text, "it can't be negative");
  if (rest == "0") return Duration::zero();
  double total = 0;
  while (!rest.empty()) {
    const std::string_view digits = take_while(rest, [](char c) { return is_digit(c) || c == '.'; });
    const std::string_view letters = take_while(rest, is_letter);
    const auto number = parse_decimal(digits);
    if (!number) return bad_duration(text, unit_help);
    const bool whole_text = digits.size() == trim(text).size();
    if (letters.empty() && whole_text && bare == BareNumber::seconds && digits.find('.') == std::string_view::npos) {
      total = *number * 1e6;
      continue;
    }
    if (letters.empty()) return bad_duration(text, concat("it has no unit; ", unit_help));
    const Unit* unit = find_unit(letters);
    if (unit == nullptr) return bad_duration(text, concat("unknown unit ", quoted(letters), "; ", unit_help));
    total += *number * static_cast<double>(unit->microseconds);
  }
  if (total > static_cast<double>(longest)) return bad_duration(text, "it is longer than 1000 years");
  return Duration(std::llround(total));
}

std::string to_string(Duration duration) {
  std::int64_t left = duration.count();
  if (left == 0) return "0s";
  std::string out = left < 0 ? "-" : "";
  if (left < 0) left = -left;
  for (const auto& unit : units) {
    const std::int64_t count = left / unit.microseconds;
    if (count != 0) append(out, concat(count, unit.name));
    left %= unit.microseconds;
  }
  return out;
}

Result<double> parse_probability(std::string_view text) {
  std::string_view digits = trim(text);
  const bool percent = digits.ends_with('%');
  if (percent) digits.remove_suffix(1);
  const auto number = parse_decimal(digits);
  if (!number) return fail(ErrorCode::invalid, concat(quoted(text), " is not a probability: use 0..1 or 0%..100%"));
  const double value = percent ? *number / 100 : *number;
  if (value > 1) {
    return fail(ErrorCode::invalid, concat("probability ", text, " is above 1: use 0..1, or a percentage such as 25%"));
  }
  return value;
}

Result<Percent> parse_percent(std::string_view text) {
  std::string_view digits = trim(text);
  if (digits.ends_with('%')) digits.remove_suffix(1);
  const auto number = parse_decimal(digits);
  if (!number || *number > 100) {
    return fail(ErrorCode::invalid, concat(quoted(text), " is not a percentage: use 0..100, as in \"10%\" or \"10\""));
  }
  return Percent{*number};
}

std::string to_string(Percent percent) { return to_string(percent.value) + "%"; }

std::string to_string(double number) {
  char buffer[64];
  for (int precision = 1; precision <= 17; ++precision) {
    std::snprintf(buffer, sizeof buffer, "%.*g", precision, number);
    double back = 0;
    std::from_chars(buffer, buffer + std::char_traits<char>::length(buffer), back);
    if (back == number) break;
  }
  const std::string_view text(buffer);
  if (text.find('e') == std::string_view::npos) return std::string(text);
  std::snprintf(buffer, sizeof buffer, "%.17f", number);
  std::string plain = buffer;
  while (plain.ends_with('0')) plain.pop_back();
  if (plain.ends_with('.')) plain.pop_back();
  return plain;
}

std::string to_rfc3339(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  std::string out = buffer;
  if (clock.subseconds().count() != 0) {
    std::snprintf(buffer, sizeof buffer, ".%06lld", static_cast<long long>(clock.subseconds().count()));
    out += buffer;
    while (out.ends_with('0')) out.pop_back();
  }
  return out + "Z";
}

namespace {

// Minutes east of UTC of "Z", "+02:00", "-0530"; consumes nothing else.
std::optional<int> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  int hours = 0;
  int minutes = 0;
  char sign = 0;
  if (text.size() != 6 || std::sscanf(std::string(text).c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3) {
    return std::nullopt;
  }
  if ((sign != '+' && sign != '-') || hours > 23 || minutes > 59) return std::nullopt;
  return (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
}

}  // namespace

Result<Time> parse_rfc3339(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::invalid, concat(quoted(text), " is not a time: use RFC 3339, as in 2026-11-22T10:00:00Z"));
  };
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  const std::string copy(text.substr(0, 64));
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second,
                  &used) != 6) {
    return bad();
  }
  std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(used));
  Duration fraction{0};
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::string_view digits = take_while(rest, is_digit);
    if (digits.empty()) return bad();
    std::string microseconds(digits.substr(0, 6));
    microseconds.resize(6, '0');
    fraction = Duration(static_cast<std::int64_t>(*parse_unsigned(microseconds)));
  }
  const auto offset = parse_offset(rest);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!offset || !date.ok() || hour > 23 || minute > 59 || second > 60) return bad();
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute - *offset) +
         std::chrono::seconds(second) + fraction;
}

Result<std::uint64_t> parse_unsigned(std::string_view text) {
  std::uint64_t value = 0;
  const std::string_view digits = trim(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) {
    return fail(ErrorCode::invalid, concat(quoted(text), " is not a whole number"));
  }
  return value;
}

}  // namespace entropy
