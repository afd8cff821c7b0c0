// JSON text with the places of what it says: policy files in JSON. As strict as `read_yaml`.
#pragma once

#include <string_view>

#include "policy/document.hpp"

namespace entropy::policy {

// Several values one after the other are as many documents, as `entropy export --format json` prints sets of policies.
Documents read_json_documents(std::string_view text);

}  // namespace entropy::policy
