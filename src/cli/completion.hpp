// What may stand at a place of the command line: for the shells' completion, which asks the program itself.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"

namespace entropy::cli {

// A candidate and what it is, for shells that show that.
struct Candidate {
  std::string word;
  std::string description = {};
};

// `words` without the program's name; the last one is being typed. Asks the service for policies, containers and
// labels; without one there are none of them. A single candidate without a word asks the shell for files.
std::vector<Candidate> complete(const CLI::App& app, const Context& context, const std::vector<std::string>& words);

// The script for `completion SHELL`; empty for an unknown shell.
std::string_view completion_script(std::string_view shell);

}  // namespace entropy::cli
