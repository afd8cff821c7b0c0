// Tells the journal what came and went since the last look: engines (endpoint.connected, endpoint.lost), and the
// containers that a policy matches (target.added, target.removed), and keeps away from (target.held_back).
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/endpoint.hpp"
#include "control/journal.hpp"
#include "control/plan.hpp"

namespace entropy::control {

class Changes {
 public:
  void tell(const std::vector<std::unique_ptr<Endpoint>>& endpoints, const Plan& plan, Journal& journal);

 private:
  void tell_endpoints(const std::vector<std::unique_ptr<Endpoint>>& endpoints, Journal& journal);
  void tell_targets(const Plan& plan, Journal& journal);

  std::set<std::string> connected_;
  std::map<std::string, std::vector<TargetState>> targets_;  // by policy
};

}  // namespace entropy::control
