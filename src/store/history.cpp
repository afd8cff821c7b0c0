// The history of faults, and the audit log.
#include "store/database.hpp"

namespace entropy::store {
namespace {

void bind_window(SQLite::Statement& statement, const FaultRecord& record) {
  statement.bind(":policy", record.policy);
  statement.bind(":target", record.target);
  statement.bind(":endpoint", record.endpoint);
  statement.bind(":planned_start", to_column(record.planned_start));
}

void bind_fault(SQLite::Statement& statement, const FaultRecord& record) {
  bind_window(statement, record);
  statement.bind(":failure", record.failure);
  statement.bind(":window", static_cast<std::int64_t>(record.window));
  bind_time(statement, ":planned_end", record.planned_end);
  bind_time(statement, ":started", record.started);
  bind_time(statement, ":ended", record.ended);
  statement.bind(":outcome", static_cast<int>(record.outcome));
  statement.bind(":packets", static_cast<std::int64_t>(record.packets));
  statement.bind(":measured", record.measured);
  statement.bind(":message", record.message);
}

FaultRecord read_fault(SQLite::Statement& row) {
  FaultRecord record;
  record.id = static_cast<std::uint64_t>(row.getColumn(0).getInt64());
  record.policy = row.getColumn(1).getString();
  record.target = row.getColumn(2).getString();
  record.endpoint = row.getColumn(3).getString();
  record.failure = row.getColumn(4).getString();
  record.window = static_cast<std::uint64_t>(row.getColumn(5).getInt64());
  record.planned_start = Time(Duration(row.getColumn(6).getInt64()));
  record.planned_end = time_column(row.getColumn(7));
  record.started = time_column(row.getColumn(8));
  record.ended = time_column(row.getColumn(9));
  record.outcome = static_cast<Outcome>(row.getColumn(10).getInt());
  record.packets = static_cast<std::uint64_t>(row.getColumn(11).getInt64());
  record.measured = row.getColumn(12).getString();
  record.message = row.getColumn(13).getString();
  return record;
}

static_assert(static_cast<int>(Outcome::missed) == 3);
constexpr std::string_view same_window =
    "policy = :policy AND target = :target AND planned_start = :planned_start AND endpoint = :endpoint";
constexpr std::string_view insert_fault =
    "INSERT INTO fault (policy, target, endpoint, failure, window, planned_start, planned_end, started, ended, "
    "outcome, packets, measured, message) ";
constexpr std::string_view fault_values =
    ":policy, :target, :endpoint, :failure, :window, :planned_start, :planned_end, :started, :ended, :outcome, "
    ":packets, :measured, :message";

constexpr std::string_view fault_columns =
    "SELECT id, policy, target, endpoint, failure, window, planned_start, planned_end, started, ended, outcome, "
    "packets, measured, message FROM fault ";

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::active:
      return "active";
    case Outcome::completed:
      return "completed";
    case Outcome::cut_short:
      return "cut-short";
    case Outcome::missed:
      return "missed";
    case Outcome::failed:
      return "failed";
  }
  return "failed";
}

Result<Store::Added> Store::add_fault(const FaultRecord& record) {
  return database_->run<Added>("storing a fault", [&](SQLite::Database& db) {
    SQLite::Transaction transaction(db);
    SQLite::Statement missed(db, concat("DELETE FROM fault WHERE ", same_window, " AND outcome = 3"));
    bind_window(missed, record);
    Added added;
    added.unmissed = static_cast<std::uint64_t>(missed.exec());
    SQLite::Statement statement(db, concat(insert_fault, "VALUES (", fault_values, ")"));
    bind_fault(statement, record);
    statement.exec();
    added.id = static_cast<std::uint64_t>(db.getLastInsertRowid());
    transaction.commit();
    return added;
  });
}

Result<std::optional<FaultRecord>> Store::find_fault(const FaultRecord& like) {
  return database_->run<std::optional<FaultRecord>>("looking for a fault", [&](SQLite::Database& db) {
    SQLite::Statement statement(
        db, concat(fault_columns, "WHERE ", same_window,
                   " AND failure = :failure AND window = :window AND started IS :started AND outcome != 3 "
                   "AND (started IS NOT NULL OR message = :message) ORDER BY id DESC LIMIT 1"));
    bind_window(statement, like);
    statement.bind(":failure", like.failure);
    statement.bind(":window", static_cast<std::int64_t>(like.window));
    bind_time(statement, ":started", like.started);
    statement.bind(":message", like.message);
    std::optional<FaultRecord> found;
    if (statement.executeStep()) found = read_fault(statement);
    return found;
  });
}

Result<bool> Store::add_missed_fault(const FaultRecord& record) {
  return database_->run<bool>("storing a fault", [&](SQLite::Database& db) {
    SQLite::Statement statement(
        db, concat(insert_fault, "SELECT ", fault_values, " WHERE NOT EXISTS (SELECT 1 FROM fault WHERE ", same_window,
                   " AND (outcome != 3 OR failure = :failure))"));
    bind_fault(statement, record);
    return statement.exec() > 0;
  });
}

Result<> Store::update_fault(const FaultRecord& record) {
  return database_->run<void>("storing a fault", [&](SQLite::Database& db) {
    SQLite::Statement statement(
        db,
        "UPDATE fault SET policy = :policy, target = :target, endpoint = :endpoint, failure = :failure, "
        "window = :window, planned_start = :planned_start, planned_end = :planned_end, started = :started, "
        "ended = :ended, outcome = :outcome, packets = :packets, measured = :measured, message = :message WHERE id = "
        ":id");
    bind_fault(statement, record);
    statement.bind(":id", static_cast<std::int64_t>(record.id));
    statement.exec();
  });
}

Result<std::vector<FaultRecord>> Store::faults(const FaultQuery& query) {
  return database_->run<std::vector<FaultRecord>>("reading faults", [&](SQLite::Database& db) {
    std::string sql = concat(fault_columns, "WHERE 1");
    if (!query.policy.empty()) sql += " AND policy = :policy";
    if (!query.target.empty()) sql += " AND target = :target";
    if (query.since) sql += " AND planned_start >= :since";
    if (query.until) sql += " AND planned_start < :until";
    if (query.cursor) sql += " AND (planned_start, id) < (:cursor_time, :cursor_id)";
    SQLite::Statement statement(db, concat(sql, " ORDER BY planned_start DESC, id DESC LIMIT :limit"));
    if (!query.policy.empty()) statement.bind(":policy", query.policy);
    if (!query.target.empty()) statement.bind(":target", query.target);
    if (query.since) statement.bind(":since", to_column(*query.since));
    if (query.until) statement.bind(":until", to_column(*query.until));
    if (query.cursor) {
      statement.bind(":cursor_time", to_column(query.cursor->planned_start));
      statement.bind(":cursor_id", static_cast<std::int64_t>(query.cursor->id));
    }
    statement.bind(":limit", static_cast<std::int64_t>(std::min<std::size_t>(query.limit, 1000)));
    std::vector<FaultRecord> records;
    while (statement.executeStep()) records.push_back(read_fault(statement));
    return records;
  });
}

Result<std::vector<FaultRecord>> Store::open_faults() {
  return database_->run<std::vector<FaultRecord>>("reading open faults", [](SQLite::Database& db) {
    SQLite::Statement statement(db, concat(fault_columns, "WHERE outcome = 0 ORDER BY id"));
    std::vector<FaultRecord> records;
    while (statement.executeStep()) records.push_back(read_fault(statement));
    return records;
  });
}

Result<std::vector<FaultRecord>> Store::faults_ending_after(Time time) {
  return database_->run<std::vector<FaultRecord>>("reading recent faults", [&](SQLite::Database& db) {
    SQLite::Statement statement(db, concat(fault_columns,
                                           "WHERE id > (SELECT MAX(id) FROM fault) - 100000 AND "
                                           "(planned_end IS NULL OR planned_end > :time) ORDER BY id"));
    statement.bind(":time", to_column(time));
    std::vector<FaultRecord> records;
    while (statement.executeStep()) records.push_back(read_fault(statement));
    return records;
  });
}

Result<std::size_t> Store::prune(const HistoryLimits& limits, Time now, std::size_t rows) {
  return database_->run<std::size_t>("pruning the history", [&](SQLite::Database& db) {
    const auto pages =
        db.execAndGet("PRAGMA page_count").getInt64() - db.execAndGet("PRAGMA freelist_count").getInt64();
    const auto bytes = static_cast<std::uint64_t>(pages * db.execAndGet("PRAGMA page_size").getInt64());
    const bool too_large = bytes > limits.bytes;
    SQLite::Transaction transaction(db);
    SQLite::Statement faults(db,
                             "DELETE FROM fault WHERE id IN (SELECT id FROM fault WHERE outcome != 0 AND planned_start "
                             "< :before ORDER BY planned_start LIMIT :rows)");
    faults.bind(":before", too_large ? INT64_MAX : to_column(now - limits.age));
    faults.bind(":rows", static_cast<std::int64_t>(rows));
    const int gone = faults.exec();
    SQLite::Statement audit(
        db, "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE time < :before ORDER BY time LIMIT :rows)");
    // Where the faults are not what fills the file, it is the audit log.
    audit.bind(":before", too_large && gone == 0 ? INT64_MAX : to_column(now - limits.age));
    audit.bind(":rows", static_cast<std::int64_t>(rows));
    const int audit_gone = audit.exec();
    transaction.commit();
    return static_cast<std::size_t>(gone + audit_gone);
  });
}

Result<std::uint64_t> Store::add_audit(const AuditRecord& record) {
  constexpr std::size_t longest = 1024;
  return database_->run<std::uint64_t>("storing an audit entry", [&](SQLite::Database& db) {
    SQLite::Statement statement(
        db,
        "INSERT INTO audit (time, caller, origin, method, path, status) VALUES (:time, :caller, "
        ":origin, :method, :path, :status)");
    statement.bind(":time", to_column(record.time));
    statement.bind(":caller", record.caller.by.substr(0, longest));
    statement.bind(":origin", record.caller.from.substr(0, longest));
    statement.bind(":method", record.method.substr(0, longest));
    statement.bind(":path", record.path.substr(0, longest));
    statement.bind(":status", static_cast<int>(record.status));
    statement.exec();
    return static_cast<std::uint64_t>(db.getLastInsertRowid());
  });
}

Result<> Store::end_audit(std::uint64_t id, std::string_view path, unsigned status) {
  constexpr std::size_t longest = 1024;
  return database_->run<void>("storing an audit entry", [&](SQLite::Database& db) {
    SQLite::Statement statement(db, "UPDATE audit SET path = :path, status = :status WHERE id = :id");
    statement.bind(":path", std::string(path.substr(0, longest)));
    statement.bind(":status", static_cast<int>(status));
    statement.bind(":id", static_cast<std::int64_t>(id));
    statement.exec();
  });
}

Result<std::vector<AuditRecord>> Store::audit(const AuditQuery& query) {
  return database_->run<std::vector<AuditRecord>>("reading the audit log", [&](SQLite::Database& db) {
    std::string sql = "SELECT id, time, caller, origin, method, path, status FROM audit WHERE 1";
    if (query.since) sql += " AND time >= :since";
    if (query.until) sql += " AND time < :until";
    if (query.cursor != 0) sql += " AND id < :cursor";
    SQLite::Statement row(db, sql + " ORDER BY id DESC LIMIT :limit");
    if (query.since) row.bind(":since", to_column(*query.since));
    if (query.until) row.bind(":until", to_column(*query.until));
    if (query.cursor != 0) row.bind(":cursor", static_cast<std::int64_t>(query.cursor));
    row.bind(":limit", static_cast<std::int64_t>(std::min<std::size_t>(query.limit, 1000)));
    std::vector<AuditRecord> records;
    while (row.executeStep()) {
      records.push_back({{row.getColumn(2).getString(), row.getColumn(3).getString()},
                         row.getColumn(4).getString(),
                         row.getColumn(5).getString(),
                         static_cast<unsigned>(row.getColumn(6).getInt()),
                         Time(Duration(row.getColumn(1).getInt64())),
                         static_cast<std::uint64_t>(row.getColumn(0).getInt64())});
    }
    return records;
  });
}

}  // namespace entropy::store
