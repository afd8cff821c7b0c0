// Entropy as a provider of Compose services (docker/compose, docs/extension.md):
//   services: {chaos: {provider: {type: entropy, options: {selector: "@service=db", failure: partition}}}}
// Compose runs `entropy compose --project-name=P up|down|stop --OPTION=VALUE SERVICE` and reads JSON lines.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"

namespace entropy::cli {

// `args`: what stands behind `compose`.
int run_compose(const Context& context, const std::vector<std::string>& args);

}  // namespace entropy::cli
