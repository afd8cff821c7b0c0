// The parameters of a failure as a table of fields, from which reading, printing and the catalogue all follow.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace entropy::failure {

// Parameters as text, in the order given; what -o KEY=VALUE, a JSON object and the injector's program all become.
using Params = std::vector<std::pair<std::string, std::string>>;

// The words of an enumeration, in the order of its values from 0 on.
template <class E>
struct Words;

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

template <>
struct Value<Rate> {
  static std::string type() { return "rate"; }
  static Result<Rate> read(std::string_view text) { return parse_rate(text); }
  static std::string print(Rate value) { return to_string(value); }
};
template <>
struct Value<Size> {
  static std::string type() { return "size"; }
  static Result<Size> read(std::string_view text) { return parse_size(text); }
  static std::string print(Size value) { return to_string(value); }
};

// How one given text changes a value, and the texts that make it again: one of a plain value, none or one of an
// optional one, any number of a list.
template <class T>
struct Slot {
  static constexpr bool is_list = false;
  static std::string type() { return Value<T>::type(); }
  static Result<> read(T& into, std::string_view text) {
    auto value = Value<T>::read(text);
    if (!value) return fail(std::move(value.error()));
    into = std::move(*value);
    return {};
  }
  static std::vector<std::string> print(const T& value) { return {Value<T>::print(value)}; }
};
template <class T>
struct Slot<std::optional<T>> {
  static constexpr bool is_list = false;
  static std::string type() { return Value<T>::type(); }
  static Result<> read(std::optional<T>& into, std::string_view text) { return Slot<T>::read(into.emplace(), text); }
  static std::vector<std::string> print(const std::optional<T>& value) {
    return value ? Slot<T>::print(*value) : std::vector<std::string>();
  }
};
template <class T>
struct Slot<std::vector<T>> {
  static constexpr bool is_list = true;
  static constexpr std::size_t most = 64;
  static std::string type() { return concat("list of ", Value<T>::type()); }
  static Result<> read(std::vector<T>& into, std::string_view text) {
    if (into.size() == most) return fail(ErrorCode::invalid, concat("has more than ", most, " entries"));
    return Slot<T>::read(into.emplace_back(), text);
  }
  static std::vector<std::string> print(const std::vector<T>& values) {
    std::vector<std::string> texts;
    texts.reserve(values.size());
    for (const auto& value : values) texts.push_back(Value<T>::print(value));
    return texts;
  }
};

// One parameter of the failure `F`. A list is read one entry after the other.
template <class F>
struct Field {
  std::string_view name;
  bool required;
  bool list;
  std::string_view description;
  std::string (*type)();
  Result<> (*read)(F&, std::string_view);
  std::vector<std::string> (*print)(const F&);
};

enum class Presence { optional, required };

template <auto Member, auto... Rest>
auto& reach(auto& value) {
  if constexpr (sizeof...(Rest) == 0) {
    return value.*Member;
  } else {
    return reach<Rest...>(value.*Member);
  }
}

template <auto... Path, class F, class T>
Field<F> make_field(std::string_view name, Presence presence, std::string_view description, T F::*) {
  using Type = std::remove_cvref_t<decltype(reach<Path...>(std::declval<F&>()))>;
  return {name,
          presence == Presence::required,
          Slot<Type>::is_list,
          description,
          &Slot<Type>::type,
          [](F& failure, std::string_view text) { return Slot<Type>::read(reach<Path...>(failure), text); },
          [](const F& failure) { return Slot<Type>::print(reach<Path...>(failure)); }};
}

// field<&Latency::delay>("delay", Presence::required, "how long each packet waits"); more members lead further in.
template <auto Member, auto... Rest>
auto field(std::string_view name, Presence presence, std::string_view description) {
  return make_field<Member, Rest...>(name, presence, description, Member);
}

}  // namespace entropy::failure
