// What every fuzz target is: a function that is given any bytes and aborts where a property does not hold.
#pragma once

#include <algorithm>
#include <cstddef>
#include <source_location>
#include <string_view>

namespace entropy::fuzz {

// The target's own; called with one input after the other.
void check(std::string_view input);

// Says where, and aborts, so that libFuzzer keeps the input.
void require(bool holds, std::source_location where = std::source_location::current());

// Cuts what follows the first byte into pieces of the length that this byte says, and hands them over one by one.
template <class Use>
void feed_in_pieces(std::string_view input, Use use) {
  if (input.empty()) return;
  const std::size_t length = static_cast<unsigned char>(input.front()) % 16 + 1;
  for (input.remove_prefix(1); !input.empty(); input.remove_prefix(std::min(length, input.size()))) {
    use(input.substr(0, length));
  }
}

}  // namespace entropy::fuzz
