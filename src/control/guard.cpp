#include "control/guard.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "control/spawn.hpp"

namespace entropy::control {
namespace {

// Those that count now, and whether they are the `stop_when`.
std::pair<const std::vector<policy::Condition>*, bool> conditions_of(const policy::Record& record) {
  if (record.held) return {&record.policy.start_when, false};
  return {&record.policy.stop_when, true};
}

bool is_watched(const policy::Record& record, Time now) {
  return record.policy.running && now < policy::end_of(record);
}

}  // namespace

Finding Guard::look(const Key& key, const policy::Condition& condition, const policy::Record& record,
                    const Desired& desired, const Index& index) const {
  if (const auto* containers = std::get_if<policy::ContainerCondition>(&condition))
    return judge(*containers, record, desired.rules, index, missed_ends_.found());
  const auto found = asked_.find(key);
  return found == asked_.end() ? Finding() : found->second.finding;
}

void Guard::keep(const Key& key, const policy::Condition& condition, const policy::Record& record) {
  const Time epoch = record.policy.schedule.epoch;
  Asked& asked = asked_[key];
  if (asked.number == 0 || asked.condition != condition || asked.epoch != epoch)
    asked = {condition, epoch, ++count_, {}, timing_.elapsed()};
  if (asked.under_way || asked.due > timing_.elapsed() || !probe_) return;
  asked.under_way = true;
  spawn(timing_.executor(), "asking an address", ask(key, asked.number, condition));
}

boost::asio::awaitable<void> Guard::ask(Key key, std::uint64_t number, policy::Condition condition) {
  const policy::Pace pace = *policy::pace_of(condition);
  const auto* http = std::get_if<policy::HttpCondition>(&condition);
  const auto* prometheus = std::get_if<policy::PrometheusCondition>(&condition);
  Question question = http != nullptr ? question_of(*http) : question_of(*prometheus);
  const auto due = timing_.elapsed() + pace.interval;
  const auto answer = co_await probe_->get(std::move(question.url), pace.timeout, question.most_bytes);
  const auto found = asked_.find(key);
  if (found == asked_.end() || found->second.number != number) co_return;
  Asked& asked = found->second;
  asked.under_way = false;
  asked.due = due;
  asked.finding = http != nullptr ? judge(*http, asked.finding, answer) : judge(*prometheus, asked.finding, answer);
  wake_();
}

std::vector<Guard::Verdict> Guard::review(const Desired& desired, const Index& index, Time now) {
  std::vector<Verdict> verdicts;
  std::set<Key> wanted;
  for (const auto& record : desired.policies) {
    if (desired.halted || !is_watched(record, now)) continue;
    const auto [conditions, stop] = conditions_of(record);
    bool all = true;
    for (std::size_t i = 0; i < conditions->size(); ++i) {
      const policy::Condition& condition = (*conditions)[i];
      const Key key(record.policy.name, stop, i);
      if (policy::pace_of(condition) != nullptr) {
        keep(key, condition, record);
        wanted.insert(key);
      }
      const Finding finding = look(key, condition, record, desired, index);
      all &= finding.holds;
      if (!stop || (!finding.holds && !finding.is_blind())) continue;
      verdicts.push_back({record.policy.name, true, policy::describe(condition), finding.evidence});
      break;
    }
    if (record.held && all) verdicts.push_back({record.policy.name, false, "start_when", ""});
  }
  std::erase_if(asked_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  return verdicts;
}

Duration Guard::until_next_question() const {
  Duration next = Duration::max();
  for (const auto& [key, asked] : asked_) {
    if (!asked.under_way && probe_) next = std::min(next, asked.due - timing_.elapsed());
  }
  return next;
}

std::vector<ConditionView> Guard::views(const policy::Record& record, const Desired& desired,
                                        const Index& index) const {
  std::vector<ConditionView> views;
  const auto add = [&](const std::vector<policy::Condition>& conditions, bool stop) {
    const bool counts = record.policy.running && record.held != stop && !desired.halted;
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      const Key key(record.policy.name, stop, i);
      ConditionView view{stop, policy::describe(conditions[i]), false, "not watched now"};
      if (counts) {
        const Finding finding = look(key, conditions[i], record, desired, index);
        view.holds = finding.holds;
        view.evidence = finding.evidence;
      }
      views.push_back(std::move(view));
    }
  };
  add(record.policy.start_when, false);
  add(record.policy.stop_when, true);
  return views;
}

}  // namespace entropy::control
