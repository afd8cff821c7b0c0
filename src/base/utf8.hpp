// UTF-8 (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace entropy {

// Length of the well-formed sequence at the start of `text`, which is not empty; 0 if there is none.
std::size_t utf8_length(std::string_view text);

}  // namespace entropy
