#include "control/journal.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/text.hpp"
#include "control/log.hpp"
#include "failure/catalogue.hpp"

namespace entropy::control {
namespace {

constexpr std::size_t most_recent_events = 10'000;
constexpr unsigned prune_every = 64;     // rows added
constexpr std::size_t prune_rows = 256;  // at a time: it goes faster than rows are added
constexpr std::size_t prune_at_start = 10'000;
constexpr std::size_t most_unsaved_rows = 10'000;

void log_failure(const Result<>& result) {
  if (!result) log::error("history: {}", result.error().message);
}

}  // namespace

struct Journal::Listener final : Subscription {
  Listener(Journal& journal, std::function<void(const Event&)> on_event)
      : journal_(journal),
        on_event_(std::move(on_event)),
        place_(journal.listeners_.insert(journal.listeners_.end(), this)) {}
  ~Listener() override { journal_.listeners_.erase(place_); }
  Journal& journal_;
  std::function<void(const Event&)> on_event_;
  std::list<Listener*>::iterator place_;
};

// Ids go on over a restart, so that a client's Last-Event-ID is never mistaken for another event's.
Journal::Journal(store::Store& store, const Clock& clock, Metrics& metrics, store::HistoryLimits limits)
    : store_(store),
      clock_(clock),
      metrics_(metrics),
      limits_(limits),
      next_event_(static_cast<std::uint64_t>(clock.now().time_since_epoch().count())) {
  const auto open = store_.open_faults();
  if (!open) log::error("history: {}", open.error().message);
  for (const auto& record : open.value_or(std::vector<store::FaultRecord>())) {
    unclaimed_.push_back({record, clock.now(), {}, true});
  }
  recall_windows();
  prune(prune_at_start);
  metrics_.before_collecting([this] { count_running(); });
}

// What a former service saw of windows that are not accounted for yet.
void Journal::recall_windows() {
  const auto recent = store_.faults_ending_after(clock_.now() - std::chrono::seconds(5));
  if (!recent) return log_failure(fail(recent.error()));
  for (const auto& record : *recent) {
    if (record.outcome == store::Outcome::missed) continue;
    Seen& seen = seen_[{record.endpoint, record.policy, record.target}][record.planned_start];
    seen = std::max(seen, record.outcome == store::Outcome::failed ? Seen::failure : Seen::held);
  }
}

void Journal::prune(std::size_t rows) {
  const auto pruned = store_.prune(limits_, clock_.now(), rows);
  if (!pruned) log::error("history: {}", pruned.error().message);
}

store::Store::Added Journal::add(const store::FaultRecord& record) {
  const auto added = store_.add_fault(record);
  if (!added) log::error("history: {}", added.error().message);
  if (added) write_unsaved();
  count_added();
  return added.value_or(store::Store::Added{});
}

void Journal::count_added() {
  if (++added_ % prune_every == 0) prune(prune_rows);
}

std::uint64_t Journal::begin_audit(AuditRecord record) {
  record.time = clock_.now();
  const auto id = store_.add_audit(record);
  if (!id) log::error("audit: {} {} by {}: {}", record.method, record.path, record.caller.by, id.error().message);
  count_added();
  return id.value_or(0);
}

void Journal::end_audit(std::uint64_t id, const std::string& path, unsigned status) {
  log_failure(store_.end_audit(id, path, status));
}

void Journal::event(Event event) {
  event.id = next_event_++;
  event.time = clock_.now();
  recent_.push_back(std::move(event));
  if (recent_.size() > most_recent_events) recent_.pop_front();
  // A listener may go while it is told.
  const Event& newest = recent_.back();
  for (auto it = listeners_.begin(); it != listeners_.end();) (*it++)->on_event_(newest);
}

std::unique_ptr<Subscription> Journal::subscribe(std::uint64_t after, std::function<void(const Event&)> on_event) {
  const std::uint64_t oldest = recent_.empty() ? next_event_ : recent_.front().id;
  if (after != 0 && after + 1 < oldest) return nullptr;
  if (after != 0) {
    for (const auto& event : recent_) {
      if (event.id > after) on_event(event);
    }
  }
  return std::make_unique<Listener>(*this, std::move(on_event));
}

Journal::Key Journal::key_of(const Source& source, const program::Fault& fault) {
  return {source.injector, source.endpoint, fault.policy, fault.target, fault.failure, fault.window};
}

store::FaultRecord Journal::record_of(const std::string& endpoint, const program::Fault& fault) {
  store::FaultRecord record;
  record.policy = fault.policy;
  record.target = fault.target;
  record.endpoint = endpoint;
  record.failure = fault.failure;
  record.window = fault.window;
  record.planned_start = fault.planned_start;
  if (fault.planned_end != policy::never) record.planned_end = fault.planned_end;
  if (fault.started != Time{}) record.started = fault.started;
  return record;
}

bool Journal::is_of(const store::FaultRecord& record, const std::string& endpoint, const program::Fault& fault) {
  return std::tie(record.endpoint, record.policy, record.target, record.failure, record.window) ==
         std::tie(endpoint, fault.policy, fault.target, fault.failure, fault.window);
}

store::Outcome Journal::outcome_of(const program::FaultEnded& report) {
  return report.cut_short ? store::Outcome::cut_short : store::Outcome::completed;
}

std::string Journal::message_of(const program::FaultEnded& report) {
  return report.measured.packets == 0 ? std::string(idle_end) : "";
}

std::vector<Journal::Key> Journal::held_by(const std::string& injector) const {
  std::vector<Key> keys;
  for (auto it = open_.lower_bound({injector, "", "", "", "", 0}); it != open_.end(); ++it) {
    if (std::get<0>(it->first) != injector) break;
    keys.push_back(it->first);
  }
  return keys;
}

// A hit counts at once. A failure may still come to hold in the same window: that is known when the window is over,
// which one without an end never is.
void Journal::note_window(const std::string& endpoint, const program::Fault& fault, Seen seen) {
  Seen& before = seen_[{endpoint, fault.policy, fault.target}][fault.planned_start];
  if (seen <= before) return;
  before = seen;
  if (seen == Seen::held) metrics_.window(fault.policy, WindowOutcome::hit);
  if (seen == Seen::failure && fault.planned_end == policy::never) metrics_.window(fault.policy, WindowOutcome::failed);
}

void Journal::fault_event(std::string type, const store::FaultRecord& record, boost::json::object data) {
  data["failure"] = record.failure;
  data["window"] = record.window;
  data["planned_start"] = to_rfc3339(record.planned_start);
  if (record.planned_end) data["planned_end"] = to_rfc3339(*record.planned_end);
  Event event;
  event.type = std::move(type);
  event.policy = record.policy;
  event.target = record.target;
  event.endpoint = record.endpoint;
  event.data = std::move(data);
  this->event(std::move(event));
}

// What a former service left open and this injector still holds.
bool Journal::claim(const Key& key, const program::Fault& fault) {
  const auto same = [&](const Open& entry) {
    return is_of(entry.record, std::get<1>(key), fault) && entry.record.started == fault.started;
  };
  const auto found = std::ranges::find_if(unclaimed_, same);
  if (found == unclaimed_.end()) return false;
  open_.emplace(key, std::move(*found));
  unclaimed_.erase(found);
  return true;
}

void Journal::open(const Source& source, const program::Fault& fault, const std::string& kernel) {
  const Key key = key_of(source, fault);
  if (const auto known = open_.find(key); known != open_.end()) {
    if (known->second.record.started == fault.started) return;
    // It ended and began anew while nobody looked.
    close(key, fault.started, store::Outcome::cut_short, "ended unseen");
  } else if (claim(key, fault)) {
    return note_window(source.endpoint, fault, Seen::held);
  }
  auto known = find(source.endpoint, fault);
  if (!known) log::error("history: {}", known.error().message);
  if (known && *known) return reopen(key, std::move(**known));
  note_window(source.endpoint, fault, Seen::held);
  Open entry{record_of(source.endpoint, fault), fault.started, {}, false};
  entry.record.id = add(entry.record).id;
  boost::json::object data;
  data["started"] = to_rfc3339(fault.started);
  if (!kernel.empty()) data["kernel"] = kernel;
  fault_event("fault.started", entry.record, std::move(data));
  open_.emplace(key, std::move(entry));
}

void Journal::close(const Key& key, Time ended, store::Outcome outcome, const std::string& message,
                    boost::json::object data) {
  const auto found = open_.find(key);
  if (found == open_.end()) return;
  count_time(found->second, ended);
  store::FaultRecord record = std::move(found->second.record);
  open_.erase(found);
  finish(std::move(record), ended, outcome, message, std::move(data));
}

void Journal::finish(store::FaultRecord record, Time ended, store::Outcome outcome, const std::string& message,
                     boost::json::object data) {
  record.ended = ended;
  record.outcome = outcome;
  record.message = message;
  save(record);
  data["ended"] = to_rfc3339(ended);
  data["outcome"] = std::string(to_string(outcome));
  data["packets"] = record.packets;
  if (!record.measured.empty()) data["measured"] = boost::json::parse(record.measured);
  if (!message.empty()) data["message"] = message;
  fault_event(outcome == store::Outcome::failed ? "fault.failed" : "fault.ended", record, std::move(data));
}

// What a full disk refuses waits for better times, and is shown as it is meanwhile.
void Journal::save(const store::FaultRecord& record) {
  unsaved_.push_back(record);
  write_unsaved();
  if (unsaved_.size() > most_unsaved_rows) unsaved_.pop_front();
}

void Journal::write_unsaved() {
  while (!unsaved_.empty()) {
    const auto& next = unsaved_.front();
    Result<> saved;
    if (next.id != 0) {
      saved = store_.update_fault(next);
    } else if (const auto added = store_.add_fault(next)) {
      unmiss(next.policy, added->unmissed);
    } else {
      saved = fail(added.error());
    }
    log_failure(saved);
    if (!saved) break;
    unsaved_.pop_front();
  }
}

void Journal::measured(Open& entry, const program::Measured& measured) {
  entry.record.packets = measured.packets;
  entry.record.measured = program::to_json(measured);
  entry.round_trip = {measured.rtt_before.value_or(Duration(0)), measured.rtt.value_or(Duration(0))};
  count_packets(entry, measured);
}

// Counters never go back: an end that turns out to have been earlier than was counted takes nothing away.
void Journal::count_time(Open& entry, Time until) {
  if (until <= entry.counted_until) return;
  metrics_.fault_held(entry.record.policy, entry.record.failure, until - entry.counted_until);
  entry.counted_until = until;
}

void Journal::count_packets(Open& entry, const program::Measured& measured) {
  Metrics::Packets& counted = entry.packets;
  Metrics::Packets more;
  const auto rise = [](std::uint64_t& counted_so_far, std::uint64_t now) {
    const std::uint64_t before = std::exchange(counted_so_far, std::max(counted_so_far, now));
    return counted_so_far - before;
  };
  more.matched = rise(counted.matched, measured.packets);
  more.dropped = rise(counted.dropped, measured.dropped);
  more.delayed = rise(counted.delayed, measured.delayed);
  more.duplicated = rise(counted.duplicated, measured.duplicated);
  more.altered = rise(counted.altered, measured.altered);
  more.segments = rise(counted.segments, measured.segments);
  more.retransmitted = rise(counted.retransmitted, measured.retransmitted);
  if (std::exchange(entry.from_before, false)) return;
  metrics_.fault_packets(entry.record.policy, entry.record.failure, more);
}

void Journal::count_running() {
  const Time now = clock_.now();
  Metrics::RoundTrips round_trips;
  for (auto& [key, entry] : open_) {
    count_time(entry, std::min(now, entry.record.planned_end.value_or(now)));
    auto& longest = round_trips[{entry.record.policy, entry.record.failure}];
    if (entry.round_trip.during >= longest.during) longest = entry.round_trip;
  }
  metrics_.round_trips(round_trips);
}

void Journal::progress(const Source& source, const std::vector<program::Progress>& faults) {
  for (const auto& [fault, measured] : faults) {
    const auto found = open_.find(key_of(source, fault));
    if (found != open_.end()) this->measured(found->second, measured);
  }
}

store::FaultRecord Journal::up_to_date(store::FaultRecord record) const {
  for (const auto& unsaved : std::views::reverse(unsaved_)) {
    if (unsaved.id == record.id) return unsaved;
  }
  for (const auto& [key, entry] : open_) {
    if (entry.record.id == record.id) return entry.record;
  }
  return record;
}

void Journal::started(const Source& source, const program::FaultStarted& report) {
  open(source, report.fault, report.kernel);
}

void Journal::ended(const Source& source, const program::FaultEnded& report) {
  const Key key = key_of(source, report.fault);
  const auto found = open_.find(key);
  if (found == open_.end() || found->second.record.started != report.fault.started) return ended_late(source, report);
  measured(found->second, report.measured);
  close(key, report.ended, outcome_of(report), message_of(report), {{"kernel", report.kernel}});
}

std::optional<store::FaultRecord> Journal::finished(const Source& source, const program::Fault& fault,
                                                    store::Outcome outcome, const std::string& message,
                                                    const std::string& measured) {
  const auto found = open_.find(key_of(source, fault));
  if (found == open_.end()) return std::nullopt;
  const Time now = clock_.now();
  store::FaultRecord record = found->second.record;
  record.measured = found->second.record.measured = measured;
  record.ended = now;
  record.outcome = outcome;
  record.message = message;
  close(key_of(source, fault), now, outcome, message);
  return record;
}

void Journal::amend(store::FaultRecord record, const std::string& measured) {
  if (record.id == 0) return;
  record.measured = measured;
  save(record);
}

std::optional<Time> Journal::left_open_since(const std::string& endpoint, const program::Fault& fault) const {
  const auto found =
      std::ranges::find_if(unclaimed_, [&](const Open& entry) { return is_of(entry.record, endpoint, fault); });
  return found == unclaimed_.end() ? std::nullopt : found->record.started;
}

std::vector<store::FaultRecord> Journal::left_open() const {
  std::vector<store::FaultRecord> records;
  records.reserve(unclaimed_.size());
  for (const auto& entry : unclaimed_) records.push_back(entry.record);
  return records;
}

void Journal::failed(const Source& source, const program::FaultFailed& report) {
  note_window(source.endpoint, report.fault, Seen::failure);
  store::FaultRecord record = record_of(source.endpoint, report.fault);
  record.outcome = store::Outcome::failed;
  record.message = report.message;
  unmiss(record.policy, add(record).unmissed);
  fault_event("fault.failed", record, {{"message", report.message}});
}

void Journal::holds(const Source& source, const std::vector<program::Fault>& active) {
  std::vector<Key> held;
  for (const auto& fault : active) {
    open(source, fault, "");
    held.push_back(key_of(source, fault));
  }
  for (const auto& key : held_by(source.injector)) {
    if (std::ranges::find(held, key) != held.end()) continue;
    const auto& planned_end = open_.at(key).record.planned_end;
    const bool complete = planned_end && clock_.now() >= *planned_end;
    close(key, complete ? *planned_end : clock_.now(), complete ? store::Outcome::completed : store::Outcome::cut_short,
          "ended unseen");
  }
}

void Journal::gone(const std::string& injector, const std::string& why) {
  for (const auto& key : held_by(injector)) {
    const store::FaultRecord& record = open_.at(key).record;
    // Whoever was well until then has ended it with its window, whenever that comes out; images have their own way.
    const bool by_itself = failure::find_kind(record.failure) && why != frozen_end;
    const Time end = by_itself ? record.planned_end.value_or(policy::never) : policy::never;
    close(key, std::min(clock_.now(), end), store::Outcome::cut_short, why);
  }
}

bool Journal::close_unclaimed(const std::function<std::optional<Time>(const store::FaultRecord&)>& over_by) {
  for (auto& entry : std::exchange(unclaimed_, {})) {
    const auto over = over_by(entry.record);
    if (!over) {
      unclaimed_.push_back(std::move(entry));
      continue;
    }
    Time ended = std::min(*over, entry.record.planned_end.value_or(policy::never));
    if (entry.record.started) ended = std::max(ended, *entry.record.started);
    finish(std::move(entry.record), ended, store::Outcome::cut_short, "ended while the service was away");
  }
  return unclaimed_.empty();
}

bool Journal::missed(const std::string& endpoint, const std::string& policy, const std::string& target,
                     const std::string& failure, const policy::Window& window, const std::string& reason) {
  store::FaultRecord record;
  record.policy = policy;
  record.target = target;
  record.endpoint = endpoint;
  record.failure = failure;
  record.window = window.index;
  record.planned_start = window.begin;
  if (window.end != policy::never) record.planned_end = window.end;
  record.outcome = store::Outcome::missed;
  record.message = reason;
  const auto added = store_.add_missed_fault(record);
  if (!added) log::error("history: {}", added.error().message);
  if (added && !*added) return false;
  count_added();
  ++missed_[policy];
  fault_event("fault.missed", record, {{"reason", reason}});
  return true;
}

Journal::Seen Journal::take_seen(const std::string& endpoint, const std::string& policy, const std::string& target,
                                 Time begin) {
  const auto found = seen_.find({endpoint, policy, target});
  if (found == seen_.end()) return Seen::nothing;
  auto& windows = found->second;
  const auto at = windows.find(begin);
  const Seen seen = at == windows.end() ? Seen::nothing : at->second;
  windows.erase(windows.begin(), windows.upper_bound(begin));
  if (windows.empty()) seen_.erase(found);
  return seen;
}

void Journal::forget_unless(const std::set<Target>& targets, Time before) {
  std::set<Target> open;
  for (const auto& [key, entry] : open_) open.emplace(std::get<1>(key), std::get<2>(key), std::get<3>(key));
  std::erase_if(seen_, [&](const auto& entry) {
    return !targets.contains(entry.first) && !open.contains(entry.first) && entry.second.rbegin()->first < before;
  });
}

std::uint64_t Journal::missed_count(const std::string& policy) const {
  const auto found = missed_.find(policy);
  return found == missed_.end() ? 0 : found->second;
}

void Journal::forget_policy(const std::string& policy) {
  missed_.erase(policy);
  std::erase_if(seen_, [&](const auto& entry) { return std::get<1>(entry.first) == policy; });
}

}  // namespace entropy::control
