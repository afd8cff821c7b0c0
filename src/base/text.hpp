// Small helpers on text that both programs share. (`fmt` would be most of the injector's size budget.)
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace entropy {

inline void append(std::string& out, std::string_view text) { out += text; }
inline void append(std::string& out, char c) { out += c; }
template <std::integral T>
  requires(!std::same_as<T, char> && !std::same_as<T, bool>)
void append(std::string& out, T number) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}

// All of the pieces, one after the other: concat("window ", 3, " of ", name).
template <class... Pieces>
std::string concat(const Pieces&... pieces) {
  std::string out;
  (append(out, pieces), ...);
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
template <std::ranges::input_range Range>
std::string join(const Range& pieces, std::string_view separator) {
  std::string out;
  for (bool first = true; const auto& piece : pieces) {
    if (!first) out += separator;
    first = false;
    out += piece;
  }
  return out;
}

// The text between double quotes, with control characters and quotes escaped; for messages.
std::string quoted(std::string_view text);

// A JSON string literal with its quotes (RFC 8259, section 7); bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

// Shell-style glob over the whole text: `*` any run, `?` any one character; nothing else is special.
bool glob_match(std::string_view pattern, std::string_view text);

// The candidate nearest to `word` by edit distance, if near enough to be a likely slip; for "did you mean".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
// ": did you mean \"x\"?" or, when nothing is near, ": one of a, b, c".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace entropy
