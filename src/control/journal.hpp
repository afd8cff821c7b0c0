// What happened: events for whoever listens (the last ones are kept for replay), the history of faults in the store,
// and what of it is counted.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "control/metrics.hpp"
#include "control/service.hpp"
#include "program/report.hpp"
#include "store/store.hpp"

namespace entropy::control {

// How the end of a fault is told whose injector is frozen.
inline constexpr std::string_view frozen_end = "the injector does not answer; the kernel let its rules expire";
// And of one that was told by its injector, of which there was nothing else to say.
inline constexpr std::string_view idle_end = "no packet passed while it held";

// One thread. The store's errors are logged: a full disk must not stop a rollback.
class Journal {
 public:
  Journal(store::Store& store, const Clock& clock, Metrics& metrics, store::HistoryLimits limits = {});

  void event(Event event);
  std::vector<Event> recent() const { return {recent_.begin(), recent_.end()}; }
  std::unique_ptr<Subscription> subscribe(std::uint64_t after, std::function<void(const Event&)> on_event);

  // Where a report comes from.
  struct Source {
    std::string endpoint;
    std::string injector;  // id
  };
  // Of a start, and an end, any of these may be told late or once more: the history has a fault's every start once,
  // with the end that its injector told.
  void started(const Source& source, const program::FaultStarted& report);
  void ended(const Source& source, const program::FaultEnded& report);
  void failed(const Source& source, const program::FaultFailed& report);
  // The same, unless this is what was told of it last.
  void failed_anew(const Source& source, const program::FaultFailed& report);
  // And unless it ever failed in the same window for the same reason.
  void failed_once(const Source& source, const program::FaultFailed& report);
  // A fault that an injector began while nobody listened, and whose end it can't tell any more.
  void ended_untold(const Source& source, const program::Fault& fault, const std::string& why);
  // The same of a fault that no injector of ours measures. `measured` is a JSON object; empty: nothing is known. The
  // row; none: the fault was not open.
  std::optional<store::FaultRecord> finished(const Source& source, const program::Fault& fault, store::Outcome outcome,
                                             const std::string& message, const std::string& measured = "");
  // What came out later about a fault that has ended.
  void amend(store::FaultRecord record, const std::string& measured);
  // Since when a fault holds that a former service has left open and nobody has claimed yet.
  std::optional<Time> left_open_since(const std::string& endpoint, const program::Fault& fault) const;
  // Those that a former service has left open, until somebody claims them.
  std::vector<store::FaultRecord> left_open() const;
  // What faults that still hold have done so far.
  void progress(const Source& source, const std::vector<program::Progress>& faults);
  // The same row with what is known by now.
  store::FaultRecord up_to_date(store::FaultRecord record) const;
  // Tries once more what a full disk has refused; to be called from time to time.
  void write_unsaved();
  // Opens and closes whatever differs from what the injector holds.
  void holds(const Source& source, const std::vector<program::Fault>& active);
  // Whether anything of the injector has not ended, as far as was heard.
  bool is_open(const std::string& injector) const { return !held_by(injector).empty(); }
  // The injector is gone, and its faults with it.
  void gone(const std::string& injector, const std::string& why);
  // Faults that a former service left open and that no injector claimed: closed, where `over_by` says by when they had
  // ended; none: somebody may claim it yet. Whether none is left.
  bool close_unclaimed(const std::function<std::optional<Time>(const store::FaultRecord&)>& over_by);
  // A hit window of a target that ended before the fault could hold. False: it has come for the second time, as the
  // clock was set back, and what came of it before counts.
  bool missed(const std::string& endpoint, const std::string& policy, const std::string& target,
              const std::string& failure, const policy::Window& window, const std::string& reason);

  // The audit log; see Service.
  std::uint64_t begin_audit(AuditRecord record);
  void end_audit(std::uint64_t id, const std::string& path, unsigned status);

  // What was seen of the faults of the window that began then: `held`, though it be one of several. Windows are asked
  // for in their order, once: this one and those before it are forgotten.
  enum class Seen { nothing, failure, held };
  Seen take_seen(const std::string& endpoint, const std::string& policy, const std::string& target, Time begin);
  // Of targets that are not among these (endpoint, policy, name) what was seen is forgotten, if it began before then.
  using Target = std::tuple<std::string, std::string, std::string>;
  void forget_unless(const std::set<Target>& targets, Time before);
  std::uint64_t missed_count(const std::string& policy) const;
  void forget_policy(const std::string& policy);

 private:
  // By the injector that holds it, endpoint, policy, target, failure and window: two containers may be one target for a
  // while, as tasks of one slot are in a rolling update.
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::string, std::uint64_t>;
  struct Open {
    store::FaultRecord record;
    Time counted_until{};      // in the metrics
    Metrics::Packets packets;  // likewise
    bool from_before = false;  // a former service has counted the first of its packets
    Metrics::RoundTrip round_trip = {};
  };
  struct Listener;

  static Key key_of(const Source& source, const program::Fault& fault);
  static store::FaultRecord record_of(const std::string& endpoint, const program::Fault& fault);
  static store::Outcome outcome_of(const program::FaultEnded& report);
  static std::string message_of(const program::FaultEnded& report);
  static bool is_of(const store::FaultRecord& record, const std::string& endpoint, const program::Fault& fault);
  void open(const Source& source, const program::Fault& fault, const std::string& kernel);
  bool claim(const Key& key, const program::Fault& fault);
  // journal_late.cpp
  void ended_late(const Source& source, const program::FaultEnded& report);
  Result<std::optional<Open>> find(const std::string& endpoint, const program::Fault& fault);
  void take_back(const store::FaultRecord& record);
  void reopen(const Key& key, Open entry);
  void unmiss(const std::string& policy, std::uint64_t rows);
  std::vector<Key> held_by(const std::string& injector) const;
  void close(const Key& key, Time ended, store::Outcome outcome, const std::string& message,
             boost::json::object data = {});
  void finish(store::FaultRecord record, Time ended, store::Outcome outcome, const std::string& message,
              boost::json::object data = {});
  void recall_windows();
  void save(const store::FaultRecord& record);
  void measured(Open& entry, const program::Measured& measured);
  void count_time(Open& entry, Time until);
  void count_packets(Open& entry, const program::Measured& measured);
  void count_running();
  void fault_event(std::string type, const store::FaultRecord& record, boost::json::object data);
  // The new row; its id is 0 where it could not be written.
  store::Store::Added add(const store::FaultRecord& record);
  void count_added();
  void prune(std::size_t rows);
  void note_window(const std::string& endpoint, const program::Fault& fault, Seen seen);

  store::Store& store_;
  const Clock& clock_;
  Metrics& metrics_;
  store::HistoryLimits limits_;
  unsigned added_ = 0;
  std::deque<Event> recent_;
  std::uint64_t next_event_;
  std::list<Listener*> listeners_;
  std::map<Key, Open> open_;
  std::vector<Open> unclaimed_;             // left open by a former service
  std::deque<store::FaultRecord> unsaved_;  // that have ended, oldest first
  // Windows that were seen, until `take_seen` asks; by endpoint, policy and target, and by when they began.
  std::map<Target, std::map<Time, Seen>> seen_;
  std::map<std::string, std::uint64_t> missed_;
};

}  // namespace entropy::control
