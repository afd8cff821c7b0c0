// What a custom injector image offers: its label `entropy.failures` (docs/injectors.md), a list of failures with their
// parameters, for the catalogue.
#pragma once

#include <string_view>
#include <vector>

#include "failure/catalogue.hpp"

namespace entropy::program {

inline constexpr std::string_view offer_label = "entropy.failures";

// ErrorCode::invalid says what is wrong with it. At most 64 KiB, and 100 entries in a list; texts are cut after 1 KiB.
Result<std::vector<failure::Kind>> parse_offer(std::string_view label);

}  // namespace entropy::program
