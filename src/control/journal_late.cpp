// What injectors did while nobody listened, told late or once more: each start of a fault has one row, with the end
// that its injector told as soon as that is known.
#include <algorithm>
#include <ranges>

#include "control/journal.hpp"
#include "control/log.hpp"

namespace entropy::control {
namespace {

bool is_same_start(const store::FaultRecord& a, const store::FaultRecord& b) {
  const auto key = [](const store::FaultRecord& record) {
    return std::tie(record.endpoint, record.policy, record.target, record.failure, record.window, record.planned_start,
                    record.started);
  };
  return key(a) == key(b);
}

// As its injector told it; every other end is a guess, and says why in its message.
bool is_told(const store::FaultRecord& record) {
  const bool ended = record.outcome == store::Outcome::completed || record.outcome == store::Outcome::cut_short;
  return ended && (record.message.empty() || record.message == idle_end);
}

// An injector that was frozen tells of an end when it thaws, though its rules had expired long before. Of two ends that
// were told, as of two starts at one instant, the later one counts.
bool is_put_right_by(const store::FaultRecord& record, Time ended) {
  if (!record.ended) return true;
  return is_told(record) ? ended > *record.ended : record.message != frozen_end || ended <= *record.ended;
}

}  // namespace

Result<std::optional<Journal::Open>> Journal::find(const std::string& endpoint, const program::Fault& fault) {
  const store::FaultRecord like = record_of(endpoint, fault);
  for (const auto& entry : unclaimed_) {
    if (is_same_start(entry.record, like)) return entry;
  }
  std::optional<store::FaultRecord> row;
  for (const auto& unsaved : unsaved_) {
    if (is_same_start(unsaved, like)) row = unsaved;
  }
  if (!row) {
    auto found = store_.find_fault(like);
    if (!found) return fail(found.error());
    row = std::move(*found);
  }
  if (!row) return std::nullopt;
  // What it did until it was said to be over has been counted.
  return Open{*row, row->ended.value_or(clock_.now()), {}, true};
}

// It goes on: what is known of it elsewhere is out of date.
void Journal::take_back(const store::FaultRecord& record) {
  std::erase_if(unclaimed_, [&](const Open& entry) { return is_same_start(entry.record, record); });
  std::erase_if(unsaved_, [&](const store::FaultRecord& each) { return is_same_start(each, record); });
}

// It was said to be over, and is not. Where its injector has told its end, this is what it told before.
void Journal::reopen(const Key& key, Open entry) {
  store::FaultRecord& record = entry.record;
  if (is_told(record)) return;
  take_back(record);
  record.ended.reset();
  record.outcome = store::Outcome::active;
  record.message.clear();
  if (record.id == 0) {
    record.id = add(record).id;
  } else if (const auto updated = store_.update_fault(record); !updated) {
    log::error("history: {}", updated.error().message);
  }
  fault_event("fault.started", record, {{"started", to_rfc3339(record.started.value_or(Time{}))}});
  open_.insert_or_assign(key, std::move(entry));
}

void Journal::ended_late(const Source& source, const program::FaultEnded& report) {
  auto known = find(source.endpoint, report.fault);
  if (!known) return log::error("history: {}", known.error().message);
  const bool may_be_pruned = report.fault.planned_start < clock_.now() - limits_.age;
  if (!*known && may_be_pruned) return;
  if (*known && !is_put_right_by((*known)->record, report.ended)) return;
  Open entry{record_of(source.endpoint, report.fault), report.fault.started, {}, false};
  if (*known) {
    entry = std::move(**known);
    take_back(entry.record);
  } else {
    note_window(source.endpoint, report.fault, Seen::held);
    count_added();
  }
  measured(entry, report.measured);
  count_time(entry, report.ended);
  finish(std::move(entry.record), report.ended, outcome_of(report), message_of(report), {{"kernel", report.kernel}});
}

void Journal::ended_untold(const Source& source, const program::Fault& fault, const std::string& why) {
  if (open_.contains(key_of(source, fault))) return;
  const auto known = find(source.endpoint, fault);
  if (!known) return log::error("history: {}", known.error().message);
  if (*known) return;
  note_window(source.endpoint, fault, Seen::held);
  count_added();
  const Time ended = std::max(fault.started, std::min(fault.planned_end, clock_.now()));
  Open entry{record_of(source.endpoint, fault), fault.started, {}, false};
  count_time(entry, ended);
  finish(std::move(entry.record), ended, store::Outcome::cut_short, why);
}

void Journal::failed_anew(const Source& source, const program::FaultFailed& report) {
  store::FaultQuery window;
  window.policy = report.fault.policy;
  window.target = report.fault.target;
  window.since = report.fault.planned_start;
  window.until = report.fault.planned_start + Duration(1);
  const auto rows = store_.faults(window);  // the newest first
  if (!rows) log::error("history: {}", rows.error().message);
  for (const auto& row : rows.value_or(std::vector<store::FaultRecord>())) {
    if (!is_of(row, source.endpoint, report.fault)) continue;
    if (row.outcome == store::Outcome::failed && row.message == report.message) return;
    break;
  }
  failed(source, report);
}

void Journal::failed_once(const Source& source, const program::FaultFailed& report) {
  if (report.fault.planned_start < clock_.now() - limits_.age) return;  // it may have been pruned
  store::FaultRecord like = record_of(source.endpoint, report.fault);
  like.message = report.message;
  const auto known = store_.find_fault(like);
  if (!known) return log::error("history: {}", known.error().message);
  if (!*known) failed(source, report);
}

// Of windows that were told as missed, and were not.
void Journal::unmiss(const std::string& policy, std::uint64_t rows) {
  const auto found = missed_.find(policy);
  if (found != missed_.end()) found->second -= std::min(found->second, rows);
}

}  // namespace entropy::control
