// What users might want: policies by chance.
#pragma once

#include <string>

#include "chaos/dice.hpp"
#include "policy/policy_json.hpp"

namespace entropy::chaos {

// `of_network`: nothing is done to containers themselves.
policy::Draft some_draft(Dice& dice, const std::string& name, bool of_network = false);

}  // namespace entropy::chaos
