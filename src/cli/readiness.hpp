// Waiting until a policy is made real on its containers.
#pragma once

#include <functional>
#include <string>

#include "base/units.hpp"
#include "cli/client.hpp"

namespace entropy::cli {

struct Readiness {
  std::string phase;
  std::size_t targets = 0;
  std::size_t ready = 0;      // of the targets: what should hold there now holds, or its injector waits for the window
  std::size_t held_back = 0;  // of those ready: by the service's limits
  bool all() const { return ready == targets; }
};

// ErrorCode::unavailable where the policy is degraded, ErrorCode::conflict where everything is halted.
Result<Readiness> readiness_of(const Client& client, const std::string& name);

// Until `reached` answers true. Trouble may pass; what lasts for some seconds is the answer, and so is what there is
// when `patience` is over (ErrorCode::timeout where there is no trouble). `pause` waits for so long, and ends it all
// with true.
Result<> wait_until(const std::function<Result<bool>()>& reached, Duration patience,
                    const std::function<bool(Duration)>& pause);

}  // namespace entropy::cli
