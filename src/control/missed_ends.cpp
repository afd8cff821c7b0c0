#include "control/missed_ends.hpp"

#include <algorithm>

#include "control/conditions.hpp"
#include "control/log.hpp"
#include "control/spawn.hpp"

namespace entropy::control {
namespace {

struct EndQuestion {
  const policy::Record* record;
  const policy::ContainerCondition* condition;
};

std::vector<EndQuestion> questions_about_ends(const Desired& desired) {
  std::vector<EndQuestion> questions;
  if (desired.halted) return questions;
  for (const auto& record : desired.policies) {
    if (!record.policy.running || record.held) continue;
    for (const auto& each : record.policy.stop_when) {
      const auto* condition = std::get_if<policy::ContainerCondition>(&each);
      if (condition != nullptr && is_about_ends(*condition)) questions.push_back({&record, condition});
    }
  }
  return questions;
}

}  // namespace

void MissedEnds::look(const Desired& desired, const Index& index,
                      const std::vector<std::unique_ptr<Endpoint>>& endpoints) {
  const auto questions = questions_about_ends(desired);
  for (const auto& each : endpoints) {
    auto& inspected = inspected_[each->name()];
    if (each->lost()) inspected.clear();
    if (each->lost() || questions.empty()) continue;
    if (inspected.size() > each->containers().size())
      std::erase_if(inspected, [&](const auto& id) { return !each->containers().contains(id); });
    std::vector<ObservedContainers::Shared> due;
    for (const auto& [id, cached] : each->containers()) {
      if (cached.is_of_ours() || inspected.contains(id)) continue;
      const auto container = with_service(cached, endpoints);
      const auto asks = [&](const EndQuestion& question) {
        return is_meant(*question.condition, *question.record, desired.rules, index, *container);
      };
      if (std::ranges::any_of(questions, asks)) due.push_back(container);
    }
    for (const auto& container : due) inspected.insert(container->container.id);
    if (!due.empty()) spawn(timing_.executor(), "looking for missed ends", inspect(*each, std::move(due)));
  }
  std::erase_if(found_, [&](const ObservedEnd& end) {
    const auto* where = find_endpoint(endpoints, end.container.endpoint);
    return !where->lost() && !where->containers().contains(end.container.container.id);
  });
}

boost::asio::awaitable<void> MissedEnds::inspect(Endpoint& where, std::vector<ObservedContainers::Shared> containers) {
  bool news = false;
  for (const auto& container : containers) {
    const std::string& id = container->container.id;
    const auto inspected = co_await where.inspect(id);
    if (inspected) {
      news |= note(where, *container);
    } else if (inspected.error().code != ErrorCode::not_found) {
      log::debug("{}: looking at {}: {}", where.name(), id.substr(0, 12), inspected.error().message);
      inspected_[where.name()].erase(id);  // at the next look
    }
  }
  if (news) wake_();
}

bool MissedEnds::note(const Endpoint& where, const ObservedContainer& container) {
  const auto known = where.containers().find(container.container.id);
  if (known == where.containers().end() || !known->second.details()) return false;
  const docker::ContainerDetails& details = *known->second.details();
  const auto finished = parse_rfc3339(details.finished_at);
  if (!finished || *finished <= Time{}) return false;  // it never ended
  std::erase_if(found_, [&](const ObservedEnd& end) {
    return end.container.endpoint == where.name() && end.container.container.id == container.container.id;
  });
  ObservedEnd end{container, *finished - where.skew().value_or(Duration::zero()), {}, false};
  if (!known->second.up) end.exit_code = details.exit_code;  // else it is of nothing any more
  found_.push_back(end);
  if (known->second.up || !details.oom_killed) return true;
  end.out_of_memory = true;
  found_.push_back(std::move(end));
  return true;
}

}  // namespace entropy::control
