#include "base/units.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <span>

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

// A decimal number without sign or exponent: "10", "0.25", ".25". Of any length, for small numbers print long.
std::optional<double> parse_decimal(std::string_view text) {
  if (text.empty() || text == ".") return std::nullopt;
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

namespace {

struct Multiple {
  std::string_view name;
  std::uint64_t factor;
};
// The largest first: printing takes the first that leaves nothing over.
constexpr std::array<Multiple, 4> rate_units = {
    {{"gbit", 1'000'000'000}, {"mbit", 1'000'000}, {"kbit", 1000}, {"bit", 1}}};
constexpr std::array<Multiple, 12> size_units = {{{"GiB", 1ULL << 30},
                                                  {"MiB", 1ULL << 20},
                                                  {"KiB", 1ULL << 10},
                                                  {"Gi", 1ULL << 30},
                                                  {"Mi", 1ULL << 20},
                                                  {"Ki", 1ULL << 10},
                                                  {"GB", 1'000'000'000},
                                                  {"MB", 1'000'000},
                                                  {"kB", 1000},
                                                  {"G", 1'000'000'000},
                                                  {"M", 1'000'000},
                                                  {"k", 1000}}};
constexpr double largest_count = 1e15;

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// A number and one of the units, in letters of either case; `bare` is the factor of a number alone (0: refused).
std::optional<std::uint64_t> parse_multiple(std::string_view text, std::span<const Multiple> known,
                                            std::uint64_t bare) {
  std::string_view rest = trim(text);
  const auto number = parse_decimal(take_while(rest, [](char c) { return is_digit(c) || c == '.'; }));
  std::uint64_t factor = rest.empty() ? bare : 0;
  for (const auto& unit : known) {
    if (factor == 0 && same_letters(unit.name, trim(rest))) factor = unit.factor;
  }
  if (!number || factor == 0 || *number * static_cast<double>(factor) > largest_count) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(*number * static_cast<double>(factor)));
}

std::string print_multiple(std::uint64_t count, std::span<const Multiple> known, std::string_view smallest) {
  for (const auto& unit : known) {
    if (count != 0 && count % unit.factor == 0) return concat(count / unit.factor, unit.name);
  }
  return concat(count, smallest);
}

}  // namespace

Result<Rate> parse_rate(std::string_view text) {
  const auto bits = parse_multiple(text, rate_units, 0);
  if (!bits) {
    return fail(ErrorCode::invalid, concat(quoted(text),
                                           " is not a rate: use bit, kbit, mbit or gbit (a second), as "
                                           "in \"512kbit\" or \"10mbit\""));
  }
  return Rate{*bits};
}

std::string to_string(Rate rate) { return print_multiple(rate.bits, rate_units, "bit"); }

Result<Size> parse_size(std::string_view text) {
  const auto bytes = parse_multiple(text, size_units, 1);
  if (!bytes) {
    return fail(ErrorCode::invalid,
                concat(quoted(text), " is not a size in bytes: use a number, or KiB, MiB, GiB, as in \"64KiB\""));
  }
  return Size{*bytes};
}

std::string to_string(Size size) { return print_multiple(size.bytes, std::span(size_units).first(3), ""); }

std::string to_string(double number) {
  if (number == 0) return "0";  // without the sign that a zero may have
  // Of the largest number 309 digits stand before the point; behind it, 340 are enough for the smallest.
  constexpr int most_decimals = 340;
  char buffer[309 + 1 + most_decimals + 2];
  for (int decimals = 0; decimals <= most_decimals; ++decimals) {
    std::snprintf(buffer, sizeof buffer, "%.*f", decimals, number);
    double back = 0;
    std::from_chars(buffer, buffer + std::char_traits<char>::length(buffer), back);
    if (back == number) break;
  }
  return buffer;
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

// Takes a number of exactly so many digits, and the separator before it.
std::optional<int> take_field(std::string_view& text, std::string_view separators, std::size_t digits) {
  if (!separators.empty()) {
    if (text.empty() || separators.find(text.front()) == std::string_view::npos) return std::nullopt;
    text.remove_prefix(1);
  }
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_field(text, "", 4);
  const auto month = take_field(text, "-", 2);
  const auto day = take_field(text, "-", 2);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  return date.ok() ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
}

// "T10:00:00", with a fraction if there is one; what is finer than a microsecond is cut off.
std::optional<Duration> take_clock(std::string_view& text) {
  const auto hour = take_field(text, "Tt ", 2);
  const auto minute = take_field(text, ":", 2);
  const auto second = take_field(text, ":", 2);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  Duration clock = std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  if (!text.starts_with('.')) return clock;
  text.remove_prefix(1);
  const std::string_view digits = take_while(text, is_digit);
  if (digits.empty()) return std::nullopt;
  std::string microseconds(digits.substr(0, 6));
  microseconds.resize(6, '0');
  return clock + Duration(static_cast<std::int64_t>(*parse_unsigned(microseconds)));
}

// East of UTC: "Z", "+02:00".
std::optional<Duration> take_offset(std::string_view& text) {
  if (text.starts_with('Z') || text.starts_with('z')) {
    text.remove_prefix(1);
    return Duration::zero();
  }
  const bool west = text.starts_with('-');
  const auto hours = take_field(text, "+-", 2);
  const auto minutes = take_field(text, ":", 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const Duration offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return west ? -offset : offset;
}

// The years that four digits can say, in UTC.
bool is_printable(Time time) {
  using namespace std::chrono;
  return time >= sys_days(year(0) / January / 1) && time < sys_days(year(10000) / January / 1);
}

}  // namespace

Result<Time> parse_rfc3339(std::string_view text) {
  std::string_view rest = text;
  const auto date = take_date(rest);
  const auto clock = date ? take_clock(rest) : std::nullopt;
  const auto offset = clock ? take_offset(rest) : std::nullopt;
  if (offset && rest.empty()) {
    const Time time = Time(*date) + *clock - *offset;
    if (is_printable(time)) return time;
  }
  return fail(ErrorCode::invalid, concat(quoted(text), " is not a time: use RFC 3339, as in 2026-11-22T10:00:00Z"));
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
