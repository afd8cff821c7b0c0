#include "store/store.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <functional>

#include "base/text.hpp"
#include "policy/policy_json.hpp"

namespace entropy::store {
namespace {

constexpr int schema_version = 2;
constexpr const char* schema = R"(
  CREATE TABLE policy (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE fault (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy TEXT NOT NULL, target TEXT NOT NULL, endpoint TEXT NOT NULL, failure TEXT NOT NULL, window INTEGER NOT NULL,
    planned_start INTEGER NOT NULL, planned_end INTEGER, started INTEGER, ended INTEGER,
    outcome INTEGER NOT NULL, packets INTEGER NOT NULL, measured TEXT NOT NULL, message TEXT NOT NULL);
  CREATE INDEX fault_policy ON fault (policy, id);
  CREATE INDEX fault_target ON fault (target, id);
  CREATE INDEX fault_open ON fault (outcome) WHERE outcome = 0;
  PRAGMA user_version = 2;
)";

// From each version to the next: the first leads from version 1 to 2.
constexpr const char* migrations[] = {
    "ALTER TABLE fault ADD COLUMN measured TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 2;",
};
static_assert(std::size(migrations) == schema_version - 1);

ErrorCode code_of(int sqlite_code) {
  switch (sqlite_code) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return ErrorCode::unavailable;
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::permission;
    default:
      return ErrorCode::internal;
  }
}

std::int64_t to_column(Time time) { return time.time_since_epoch().count(); }

void bind_time(SQLite::Statement& statement, const char* name, const std::optional<Time>& time) {
  if (time) {
    statement.bind(name, to_column(*time));
  } else {
    statement.bind(name);
  }
}

std::optional<Time> time_column(SQLite::Column column) {
  if (column.isNull()) return std::nullopt;
  return Time(Duration(column.getInt64()));
}

void bind_fault(SQLite::Statement& statement, const FaultRecord& record) {
  statement.bind(":policy", record.policy);
  statement.bind(":target", record.target);
  statement.bind(":endpoint", record.endpoint);
  statement.bind(":failure", record.failure);
  statement.bind(":window", static_cast<std::int64_t>(record.window));
  statement.bind(":planned_start", to_column(record.planned_start));
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

class Store::Database {
 public:
  explicit Database(const std::string& path)
      : path_(path), sqlite_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {}

  // Runs `work`; what SQLite throws becomes an Error.
  template <class T>
  Result<T> run(std::string_view doing, const std::function<T(SQLite::Database&)>& work) {
    try {
      if constexpr (std::is_void_v<T>) {
        work(sqlite_);
        return {};
      } else {
        return work(sqlite_);
      }
    } catch (const SQLite::Exception& e) {
      return fail(code_of(e.getErrorCode()), concat(doing, " in ", path_, ": ", e.what()));
    }
  }

  Result<> prepare() {
    return run<void>("preparing the database", [](SQLite::Database& db) {
      db.setBusyTimeout(2000);
      db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
      const int version = db.execAndGet("PRAGMA user_version").getInt();
      if (version == schema_version) return;
      SQLite::Transaction transaction(db);
      if (version == 0) {
        db.exec(schema);
      } else {
        for (int from = version; from < schema_version; ++from) db.exec(migrations[from - 1]);
      }
      transaction.commit();
    });
  }

  // Refused before anything is written: an older program must not touch what it does not understand.
  Result<> check_version() {
    const auto version = run<int>("reading the version",
                                  [](SQLite::Database& db) { return db.execAndGet("PRAGMA user_version").getInt(); });
    if (!version) return fail(version.error());
    if (*version > schema_version) {
      return fail(ErrorCode::unsupported,
                  concat("the database ", path_, " is of a newer Entropy (version ", *version, "; this one knows ",
                         schema_version, "): use that Entropy, or another --data-dir"));
    }
    return {};
  }

 private:
  std::string path_;
  SQLite::Database sqlite_;
};

Store::Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  std::unique_ptr<Database> database;
  try {
    database = std::make_unique<Database>(path);
  } catch (const SQLite::Exception& e) {
    return fail(code_of(e.getErrorCode()), concat("cannot open the database ", path, ": ", e.what()));
  }
  const auto version = database->check_version();
  if (!version) return fail(version.error());
  const auto prepared = database->prepare();
  if (!prepared) return fail(prepared.error());
  return std::unique_ptr<Store>(new Store(std::move(database)));
}

Result<std::vector<policy::Record>> Store::policies() {
  const auto texts = database_->run<std::vector<std::string>>("reading policies", [](SQLite::Database& db) {
    std::vector<std::string> rows;
    SQLite::Statement statement(db, "SELECT record FROM policy ORDER BY name");
    while (statement.executeStep()) rows.push_back(statement.getColumn(0).getString());
    return rows;
  });
  if (!texts) return fail(texts.error());
  std::vector<policy::Record> records;
  for (const auto& text : *texts) {
    auto record = policy::deserialize(text);
    if (!record) return fail(record.error());
    records.push_back(std::move(*record));
  }
  return records;
}

Result<> Store::put_policy(const policy::Record& record) {
  return database_->run<void>("storing a policy", [&](SQLite::Database& db) {
    SQLite::Statement statement(db, "INSERT OR REPLACE INTO policy (name, record) VALUES (:name, :record)");
    statement.bind(":name", record.policy.name);
    statement.bind(":record", policy::serialize(record));
    statement.exec();
  });
}

Result<> Store::remove_policy(std::string_view name) {
  return database_->run<void>("removing a policy", [&](SQLite::Database& db) {
    SQLite::Statement statement(db, "DELETE FROM policy WHERE name = :name");
    statement.bind(":name", std::string(name));
    statement.exec();
  });
}

Result<std::optional<Halt>> Store::halt() {
  return database_->run<std::optional<Halt>>("reading the halt", [](SQLite::Database& db) -> std::optional<Halt> {
    SQLite::Statement statement(db, "SELECT key, value FROM setting WHERE key IN ('halt_reason', 'halt_since')");
    std::optional<Halt> halt;
    while (statement.executeStep()) {
      if (!halt) halt.emplace();
      const std::string value = statement.getColumn(1).getString();
      if (statement.getColumn(0).getString() == "halt_reason") {
        halt->reason = value;
      } else {
        halt->since = parse_rfc3339(value).value_or(Time{});
      }
    }
    return halt;
  });
}

Result<> Store::set_halt(const std::optional<Halt>& halt) {
  return database_->run<void>("storing the halt", [&](SQLite::Database& db) {
    SQLite::Transaction transaction(db);
    db.exec("DELETE FROM setting WHERE key IN ('halt_reason', 'halt_since')");
    if (halt) {
      SQLite::Statement statement(
          db, "INSERT INTO setting (key, value) VALUES ('halt_reason', :reason), ('halt_since', :since)");
      statement.bind(":reason", halt->reason);
      statement.bind(":since", to_rfc3339(halt->since));
      statement.exec();
    }
    transaction.commit();
  });
}

Result<std::string> Store::manager_id(std::string_view candidate) {
  return database_->run<std::string>("reading the manager's id", [&](SQLite::Database& db) {
    SQLite::Statement insert(db, "INSERT OR IGNORE INTO setting (key, value) VALUES ('manager_id', :id)");
    insert.bind(":id", std::string(candidate));
    insert.exec();
    return db.execAndGet("SELECT value FROM setting WHERE key = 'manager_id'").getString();
  });
}

Result<std::uint64_t> Store::add_fault(const FaultRecord& record) {
  return database_->run<std::uint64_t>("storing a fault", [&](SQLite::Database& db) {
    SQLite::Statement statement(
        db,
        "INSERT INTO fault (policy, target, endpoint, failure, window, planned_start, planned_end, started, ended, "
        "outcome, packets, measured, message) VALUES (:policy, :target, :endpoint, :failure, :window, :planned_start, "
        ":planned_end, :started, :ended, :outcome, :packets, :measured, :message)");
    bind_fault(statement, record);
    statement.exec();
    return static_cast<std::uint64_t>(db.getLastInsertRowid());
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
    if (query.cursor != 0) sql += " AND id < :cursor";
    SQLite::Statement statement(db, concat(sql, " ORDER BY id DESC LIMIT :limit"));
    if (!query.policy.empty()) statement.bind(":policy", query.policy);
    if (!query.target.empty()) statement.bind(":target", query.target);
    if (query.since) statement.bind(":since", to_column(*query.since));
    if (query.until) statement.bind(":until", to_column(*query.until));
    if (query.cursor != 0) statement.bind(":cursor", static_cast<std::int64_t>(query.cursor));
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

Result<> Store::prune_faults(std::uint64_t rows) {
  return database_->run<void>("pruning the history", [&](SQLite::Database& db) {
    SQLite::Statement statement(db,
                                "DELETE FROM fault WHERE outcome != 0 AND id <= (SELECT MAX(id) FROM fault) - :rows");
    statement.bind(":rows", static_cast<std::int64_t>(rows));
    statement.exec();
  });
}

}  // namespace entropy::store
