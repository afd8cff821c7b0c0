// Values with a unit, and the one place where their text is read and written (design: "Values" of the interface).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace entropy {

using Duration = std::chrono::microseconds;
using Time = std::chrono::sys_time<Duration>;

// "250ms", "1m30s", "1.5h": a number and a unit of us|ms|s|m|h|d, combinable; never negative. A bare number is an error
// that names the units, but for "0" and where `bare_seconds` says that a bare integer means seconds.
enum class BareNumber { refused, seconds };
Result<Duration> parse_duration(std::string_view text, BareNumber bare = BareNumber::refused);
// The shortest exact form: "1m30s", "250ms", "0s".
std::string to_string(Duration duration);

// 0..1: "0.25", ".25", "25%".
Result<double> parse_probability(std::string_view text);

// 0..100, of packets: "10%" or "10".
struct Percent {
  double value = 0;
  auto operator<=>(const Percent&) const = default;
};
Result<Percent> parse_percent(std::string_view text);
std::string to_string(Percent percent);

// Bits a second: "512kbit", "10mbit", "1gbit", "1.5mbit"; 1k is 1000. A bare number is an error that names the units.
struct Rate {
  std::uint64_t bits = 0;
  auto operator<=>(const Rate&) const = default;
};
Result<Rate> parse_rate(std::string_view text);
std::string to_string(Rate rate);

// Bytes: "1500", "64KiB", "1.5MiB", "10kB"; k, M and G are powers of 1000, Ki, Mi and Gi of 1024; the B may be left
// out.
struct Size {
  std::uint64_t bytes = 0;
  auto operator<=>(const Size&) const = default;
};
Result<Size> parse_size(std::string_view text);
std::string to_string(Size size);

// The shortest decimal text that reads back as the same number; never an exponent for the values that we use.
std::string to_string(double number);

// RFC 3339, UTC, with microseconds only where they are not zero: "2026-11-22T10:00:00.25Z".
std::string to_rfc3339(Time time);
Result<Time> parse_rfc3339(std::string_view text);

// A whole number without sign, in decimal.
Result<std::uint64_t> parse_unsigned(std::string_view text);

}  // namespace entropy
