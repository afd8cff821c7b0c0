// The policy files that -f names: files, directories, standard input.
#pragma once

#include <string>
#include <vector>

#include "cli/console.hpp"
#include "policy/policy_file.hpp"

namespace entropy::cli {

// "-" is standard input; a directory stands for its *.yaml, *.yml and *.json, by name. ErrorCode::invalid has every
// problem of every file in `fields`, with its place; a policy that is there twice is one.
Result<std::vector<policy::FilePolicy>> read_policy_files(const std::vector<std::string>& paths,
                                                          const Console& console);

}  // namespace entropy::cli
