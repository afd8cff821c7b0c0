// UTF-8 (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace entropy {

// Length of the well-formed sequence at the start of `text`, which is not empty; 0 if there is none.
std::size_t utf8_length(std::string_view text);

// Whether a byte is none of those that go on with a character.
constexpr bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

}  // namespace entropy
