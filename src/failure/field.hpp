// The parameters of a failure as a table of fields, from which reading, printing and the catalogue all follow.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace entropy::failure {

// Parameters as text, in the order given; what -o KEY=VALUE, a JSON object and the injector's program all become.
using Params = std::vector<std::pair<std::string, std::string>>;

// Which way packets go, seen from the target.
enum class Direction { egress, ingress, both };

// The words of an enumeration, in the order of its values from 0 on.
template <class E>
struct Words;
template <>
struct Words<Direction> {
  static constexpr std::array<std::string_view, 3> words = {"egress", "ingress", "both"};
};

// How one type of value is read, printed and called.
template <class T>
struct Value {
  static std::string type() { return join(Words<T>::words, "|"); }
  static Result<T> read(std::string_view text) {
    for (std::size_t i = 0; i < Words<T>::words.size(); ++i) {
      if (Words<T>::words[i] == text) return static_cast<T>(i);
    }
    const std::vector<std::string> words(Words<T>::words.begin(), Words<T>::words.end());
    return fail(ErrorCode::invalid, concat(quoted(text), " is not known here", did_you_mean(text, words)));
  }
  static std::string print(T value) { return std::string(Words<T>::words[static_cast<std::size_t>(value)]); }
};
template <>
struct Value<Duration> {
  static std::string type() { return "duration"; }
  static Result<Duration> read(std::string_view text) { return parse_duration(text); }
  static std::string print(Duration value) { return to_string(value); }
};
template <>
struct Value<Percent> {
  static std::string type() { return "percent"; }
  static Result<Percent> read(std::string_view text) { return parse_percent(text); }
  static std::string print(Percent value) { return to_string(value.value); }
};
template <>
struct Value<std::uint32_t> {
  static std::string type() { return "integer"; }
  static Result<std::uint32_t> read(std::string_view text) {
    const auto number = parse_unsigned(text);
    if (!number) return fail(number.error());
    if (*number > UINT32_MAX) return fail(ErrorCode::invalid, concat(text, " is too large"));
    return static_cast<std::uint32_t>(*number);
  }
  static std::string print(std::uint32_t value) { return concat(value); }
};

// One parameter of the failure `F`.
template <class F>
struct Field {
  std::string_view name;
  bool required;
  std::string_view description;
  std::string (*type)();
  Result<> (*read)(F&, std::string_view);
  std::string (*print)(const F&);
};

enum class Presence { optional, required };

template <auto Member, class F, class T>
Field<F> make_field(std::string_view name, Presence presence, std::string_view description, T F::*) {
  return {name,
          presence == Presence::required,
          description,
          &Value<T>::type,
          [](F& failure, std::string_view text) -> Result<> {
            auto value = Value<T>::read(text);
            if (!value) return fail(std::move(value.error()));
            failure.*Member = *value;
            return {};
          },
          [](const F& failure) { return Value<T>::print(failure.*Member); }};
}

// field<&Latency::delay>("delay", Presence::required, "how long each packet waits")
template <auto Member>
auto field(std::string_view name, Presence presence, std::string_view description) {
  return make_field<Member>(name, presence, description, Member);
}

}  // namespace entropy::failure
