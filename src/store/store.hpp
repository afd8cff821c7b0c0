// What must survive the service: policies, the halt, the manager's identity, acts under way, the history of faults.
// SQLite in WAL mode, synchronous=FULL: what a call has acknowledged is on the disk.
//
// Calls run on the caller's thread (a commit takes some 0.2 ms; the manager's loop can afford that). An Error names the
// file. ErrorCode::unavailable: disk full, locked or I/O error; the store is as it was before the call.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "policy/policy.hpp"
#include "store/act_record.hpp"
#include "store/audit_record.hpp"
#include "store/fault_record.hpp"

namespace entropy::store {

struct Halt {
  std::string reason;
  Time since;
  bool operator==(const Halt&) const = default;
};

// How much of faults and audit log is kept: whichever limit is reached first.
struct HistoryLimits {
  Duration age = std::chrono::days(30);  // since the planned start
  std::uint64_t bytes = 1'000'000'000;   // of the whole database
};

class Store {
 public:
  // Creates the file if needed; ":memory:" keeps everything in memory. A database that is damaged or of a newer version
  // is refused and left untouched; an older one is brought up to date.
  static Result<std::unique_ptr<Store>> open(const std::string& path);
  ~Store();

  Result<std::vector<policy::Record>> policies();
  Result<> put_policy(const policy::Record& record);
  Result<> remove_policy(std::string_view name);

  Result<std::optional<Halt>> halt();
  Result<> set_halt(const std::optional<Halt>& halt);

  // Made from `candidate` the first time, then the same for ever.
  Result<std::string> manager_id(std::string_view candidate);

  // That the same window was missed, on the same target, is forgotten: after a clock was set back it has come again, or
  // what came of it was heard of late.
  struct Added {
    std::uint64_t id = 0;        // of the new row
    std::uint64_t unmissed = 0;  // rows that had said that it was missed
  };
  Result<Added> add_fault(const FaultRecord& record);
  // The newest row of the same fault in the same window with the same start; of one without a start: that failed for
  // the same reason. None where it was only missed.
  Result<std::optional<FaultRecord>> find_fault(const FaultRecord& like);
  // The same for a window that was missed. False: something else came of it, or the row is there already.
  Result<bool> add_missed_fault(const FaultRecord& record);
  // Replaces the row with the record's id.
  Result<> update_fault(const FaultRecord& record);
  // In the order of planned starts, newest first.
  Result<std::vector<FaultRecord>> faults(const FaultQuery& query);
  // Rows that have not ended, as a service that died left them.
  Result<std::vector<FaultRecord>> open_faults();
  // The newest rows whose windows end after `time`, oldest first; at most 100,000 rows are looked at.
  Result<std::vector<FaultRecord>> faults_ending_after(Time time);
  // Removes up to `rows` of each table of what is beyond the limits, the oldest first; never faults that have not
  // ended. How many rows are gone.
  Result<std::size_t> prune(const HistoryLimits& limits, Time now, std::size_t rows);

  // The new row's id. Texts are cut at 1024 bytes.
  Result<std::uint64_t> add_audit(const AuditRecord& record);
  Result<> end_audit(std::uint64_t id, std::string_view path, unsigned status);
  // Newest first.
  Result<std::vector<AuditRecord>> audit(const AuditQuery& query);

  // What the service does to containers itself. `put_act` writes the row with the record's id; with 0 a new one, whose
  // id it answers.
  Result<std::vector<ActRecord>> acts();
  Result<std::uint64_t> put_act(const ActRecord& record);
  Result<> remove_act(std::uint64_t id);

  // Why changes can't be kept at the moment, as when the disk is full; empty: they can. After an error it is tried
  // again.
  std::string trouble();

 private:
  class Database;
  explicit Store(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace entropy::store
