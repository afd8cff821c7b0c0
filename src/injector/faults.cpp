#include "injector/faults.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.hpp"
#include "failure/catalogue.hpp"
#include "injector/attribution.hpp"
#include "injector/merge.hpp"

namespace entropy::injector {
namespace {

constexpr Duration first_retry = std::chrono::seconds(1);
// A refused attempt disturbs the faults that do hold, for a moment: be rare where it is of no use.
constexpr Duration look_interval = std::chrono::seconds(1);
constexpr Duration longest_retry = std::chrono::seconds(30);

program::Fault report_of(const Due& due, Time started) {
  return {due.policy,     due.target, std::string(failure::name_of(due.failure)), due.window.index, due.window.begin,
          due.window.end, started};
}

bool same_faults(const std::vector<Due>& a, const std::vector<Due>& b) {
  return std::ranges::equal(a, b, [](const Due& x, const Due& y) { return x.same_as(y) && x.resolved == y.resolved; });
}

Part part_of(const Due& fault) { return {fault.policy, fault.failure, fault.resolved}; }

// Containers that share the namespace are one to the kernel: a policy that hits two of them acts once.
std::vector<Part> parts_of(const std::vector<Due>& faults) {
  std::vector<Part> parts;
  for (const auto& fault : faults) {
    const auto acts_already = [&](const Part& other) {
      return other.policy == fault.policy && other.failure == fault.failure;
    };
    if (std::ranges::none_of(parts, acts_already)) parts.push_back(part_of(fault));
  }
  return parts;
}

}  // namespace

Faults::Faults(kernel::Backend& backend, const Clock& clock, const SteadyClock& steady, Sink sink)
    : backend_(backend), clock_(clock), steady_(steady), sink_(std::move(sink)), retry_wait_(first_retry) {}

bool Faults::is_active(const Due& fault) const {
  return std::ranges::any_of(active_, [&](const Active& each) { return each.due.same_as(fault); });
}

std::vector<program::Fault> Faults::active() const {
  std::vector<program::Fault> faults;
  faults.reserve(active_.size());
  for (const auto& each : active_) faults.push_back(report_of(each.due, each.started));
  return faults;
}

program::Measured Faults::Active::measured() const {
  auto measured = observation.measured();
  measured.asked = describe(due.failure);
  return measured;
}

std::vector<program::Progress> Faults::progress() const {
  std::vector<program::Progress> faults;
  faults.reserve(active_.size());
  for (const auto& each : active_) {
    faults.push_back({report_of(each.due, each.started), each.measured()});
  }
  return faults;
}

void Faults::settle(const std::vector<Due>& wanted, Time now) {
  for (auto& each : active_) {
    const auto same = std::ranges::find_if(wanted, [&](const Due& due) { return due.same_as(each.due); });
    if (same == wanted.end()) continue;
    each.due.window = same->window;
    each.due.resolved = same->resolved;
  }
  notice_loss();
  const bool retry = retry_is_due();
  if (attempted_ && same_faults(*attempted_, wanted) && !retry) return;
  attempted_ = wanted;
  if (retry) retry_at_.reset();

  std::erase_if(failed_, [&](const Failed& each) { return !contains(wanted, each.due); });
  std::vector<Due> goal;
  std::vector<Due> impossible;
  for (const auto& fault : wanted) {
    if (retry || !has_failed(fault)) (lacking(fault).empty() ? goal : impossible).push_back(fault);
  }
  if (auto reached = reach(goal, now); !reached) reach_one_by_one(goal, std::move(reached.error()), now);
  for (const auto& fault : impossible) blame(fault, {ErrorCode::unavailable, lacking(fault)});
  plan_retry();
}

bool Faults::has_failed(const Due& fault) const {
  return std::ranges::any_of(failed_, [&](const Failed& each) { return each.due.same_as(fault); });
}

// Why it can't hold now, as far as that is known without the kernel; empty if it can.
std::string Faults::lacking(const Due& fault) const {
  const auto& asked = failure::filter_of(fault.failure).interfaces;
  const auto is_there = [&](const failure::Interface& each) {
    return std::ranges::find(interfaces_, each.name) != interfaces_.end();
  };
  if (asked.empty() || std::ranges::any_of(asked, is_there)) return {};
  std::vector<std::string> names;
  names.reserve(asked.size());
  for (const auto& each : asked) names.push_back(each.name);
  return concat("it is for ", join(names, ", "), ", and the target has ",
                interfaces_.empty() ? "no interface that is up, but for lo" : join(interfaces_, ", "),
                ": nothing to disturb until that is there");
}

std::vector<program::FaultFailed> Faults::failed() const {
  std::vector<program::FaultFailed> faults;
  faults.reserve(failed_.size());
  for (const auto& each : failed_) faults.push_back({report_of(each.due, Time{}), each.reason});
  return faults;
}

// A rule or qdisc may be undone by others, and an interface may go.
void Faults::notice_loss() {
  if (!applied_ || applied_->empty() || steady_.elapsed() < look_at_) return;
  look_at_ = steady_.elapsed() + look_interval;
  observe();
  const auto held = backend_.read_back();
  if (held && *held == *applied_) return;
  sink_(program::Log{
      concat("the kernel no longer holds what it did: ",
             held ? concat("it holds ", held->empty() ? "nothing" : describe(*held)) : held.error().message)});
  applied_.reset();
  attempted_.reset();
}

// Also for what holds: its interfaces may have gone.
bool Faults::retry_is_due() {
  const auto before = std::exchange(interfaces_, backend_.interfaces());
  return before != interfaces_ || (retry_at_ && steady_.elapsed() >= *retry_at_);
}

std::optional<Duration> Faults::wake_at() const {
  if (!applied_ || applied_->empty()) return retry_at_;
  return std::min(look_at_, retry_at_.value_or(look_at_));
}

bool Faults::is_due() const {
  const auto at = wake_at();
  return (at && steady_.elapsed() >= *at) || interfaces_ != backend_.interfaces();
}

Result<> Faults::reach(const std::vector<Due>& goal, Time now) {
  auto parts = parts_of(goal);
  auto state = merge(parts);
  if (!state) return fail(std::move(state.error()));
  const Seen before = observe();
  if (applied_ != *state) {
    applied_.reset();
    if (auto applied = backend_.apply(*state); !applied) return fail(std::move(applied.error()));
    applied_ = std::move(*state);
    trouble_.clear();
    look_at_ = steady_.elapsed() + look_interval;
  }
  parts_ = std::move(parts);
  retire_all_but(goal, now);
  admit(goal, before);
  return {};
}

// The kernel refused all of `goal` together: one bad fault shall not take the others with it. What holds in the end
// does not depend on which of them began first.
void Faults::reach_one_by_one(const std::vector<Due>& goal, Error error, Time now) {
  std::vector<Due> good;
  std::vector<Due> fresh;
  for (const auto& fault : goal) (is_active(fault) ? good : fresh).push_back(fault);
  const auto in_order = [&](const std::vector<Due>& some) {
    std::vector<Due> ordered;
    std::ranges::copy_if(goal, std::back_inserter(ordered), [&](const Due& each) { return contains(some, each); });
    return ordered;
  };
  for (const auto& fault : fresh) {
    good.push_back(fault);
    if (fresh.size() > 1) {
      const auto reached = reach(in_order(good), now);
      if (reached) continue;
      error = reached.error();
    }
    good.pop_back();
    blame(fault, error);
  }
  if (const auto reached = reach(in_order(good), now); !reached) give_up(good, reached.error(), now);
}

// Not even what held before can be had.
void Faults::give_up(const std::vector<Due>& goal, const Error& error, Time now) {
  const auto left = backend_.read_back();
  if (!left || !left->empty()) {
    trouble_ = concat("can't be undone: ", error.message);
    return;
  }
  applied_ = kernel::State{};
  parts_.clear();
  retire_all_but({}, now);
  for (const auto& fault : goal) blame(fault, error);
}

void Faults::retire_all_but(const std::vector<Due>& goal, Time now) {
  std::vector<Active> kept;
  for (auto& each : active_) {
    if (contains(goal, each.due)) {
      kept.push_back(std::move(each));
      continue;
    }
    sink_(program::FaultEnded{report_of(each.due, each.started), clock_.now(), now < each.due.window.end,
                              each.measured(), applied_->empty() ? "" : held_text()});
  }
  active_ = std::move(kept);
}

void Faults::admit(const std::vector<Due>& goal, const Seen& before) {
  for (const auto& fault : goal) {
    if (is_active(fault)) continue;
    const Time started = clock_.now();
    active_.push_back({fault, started, Observation(share_of(part_of(fault), before.tally, before.connections))});
    std::erase_if(failed_, [&](const Failed& each) { return each.due.same_as(fault); });
    sink_(program::FaultStarted{report_of(fault, started), held_text()});
  }
}

void Faults::blame(const Due& fault, const Error& error) {
  for (auto& each : failed_) {
    if (!each.due.same_as(fault)) continue;
    each.reason = error.message;
    return;
  }
  failed_.push_back({fault, error.message});
  sink_(program::FaultFailed{report_of(fault, Time{}), error.message});
}

void Faults::plan_retry() {
  if (failed_.empty() && applied_) {
    retry_at_.reset();
    retry_wait_ = first_retry;
  } else if (!retry_at_) {
    retry_at_ = steady_.elapsed() + retry_wait_;
    retry_wait_ = std::min(retry_wait_ * 2, longest_retry);
  }
}

std::vector<std::string> Faults::explanation() const { return explain(parts_, join(backend_.interfaces(), ",")); }

std::string Faults::held_text() { return concat(join(backend_.interfaces(), ","), ": ", describe(*applied_)); }

// A namespace without faults forgets its counters, so they are of interest only while some hold.
Faults::Seen Faults::observe() {
  Seen seen;
  if (!active_.empty()) seen.tally = backend_.counters().value_or(kernel::Tally{});
  seen.connections = backend_.connections();
  for (auto& each : active_) each.observation.add(share_of(part_of(each.due), seen.tally, seen.connections));
  return seen;
}

}  // namespace entropy::injector
