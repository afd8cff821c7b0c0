// Text of a stranger's program, before it is shown to people.
#pragma once

#include <string>
#include <string_view>

namespace entropy::program {

inline constexpr std::size_t longest_foreign_text = 1 << 10;

// Bounded, and without anything that a terminal would obey.
inline std::string clean(std::string_view text) {
  std::string out(text.substr(0, longest_foreign_text));
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = ' ';
  }
  return out;
}

}  // namespace entropy::program
