#include "store/database.hpp"

#include <fcntl.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "base/fd.hpp"
#include "store/write_ahead_log.hpp"

namespace entropy::store {
namespace {

constexpr int schema_version = 4;
constexpr const char* schema = R"(
  CREATE TABLE policy (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE fault (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy TEXT NOT NULL, target TEXT NOT NULL, endpoint TEXT NOT NULL, failure TEXT NOT NULL, window INTEGER NOT NULL,
    planned_start INTEGER NOT NULL, planned_end INTEGER, started INTEGER, ended INTEGER,
    outcome INTEGER NOT NULL, packets INTEGER NOT NULL, measured TEXT NOT NULL, message TEXT NOT NULL);
  CREATE INDEX fault_open ON fault (outcome) WHERE outcome = 0;
)";

// From each version to the next: the first leads from version 1 to 2. The schema above is of version 2.
constexpr const char* migrations[] = {"ALTER TABLE fault ADD COLUMN measured TEXT NOT NULL DEFAULT '';",
                                      R"(
  DROP INDEX IF EXISTS fault_policy;
  DROP INDEX IF EXISTS fault_target;
  CREATE INDEX fault_time ON fault (planned_start);
  CREATE INDEX fault_policy_time ON fault (policy, planned_start);
  CREATE INDEX fault_target_time ON fault (target, planned_start);
  CREATE INDEX fault_policy_target_time ON fault (policy, target, planned_start);
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, caller TEXT NOT NULL, origin TEXT NOT NULL,
    method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL);
  CREATE INDEX audit_time ON audit (time);
)",
                                      R"(
  CREATE TABLE act (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL, policy TEXT NOT NULL, target TEXT NOT NULL,
    failure TEXT NOT NULL, window INTEGER NOT NULL, planned_start INTEGER NOT NULL, planned_end INTEGER,
    state INTEGER NOT NULL, former TEXT NOT NULL, done INTEGER);
)"};
constexpr int first_version = 2;
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

std::unexpected<Error> damaged(const std::string& path, std::string_view why) {
  return fail(ErrorCode::internal,
              concat("the database ", path, " is damaged and left as it is (", why,
                     "): bring a copy of it back, or move it and ", path, "-wal away to begin anew"));
}

// Empty: there is none, or it is well.
std::string fault_of_log_of(const std::string& path) {
  const std::string name = path + "-wal";
  std::ifstream log(name, std::ios::binary);
  if (const std::string fault = fault_of_log(log); !fault.empty()) return concat(name, ": ", fault);
  std::error_code error;
  if (std::filesystem::file_size(name, error) == 0 || error) return "";
  const auto size = std::filesystem::file_size(path, error);
  return error || size == 0 ? concat("it is empty, but its log ", name, " is not") : "";
}

// A file that is shorter than its own header says was cut. (What is not in it yet would be in the log beside it.)
bool is_cut(const std::string& path, SQLite::Database& db) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || size == 0 || std::filesystem::exists(path + "-wal", error)) return false;
  const auto pages = db.execAndGet("PRAGMA page_count").getInt64();
  return static_cast<std::int64_t>(size) < pages * db.execAndGet("PRAGMA page_size").getInt64();
}

}  // namespace

Error Store::Database::error_of(std::string_view doing, const SQLite::Exception& exception) const {
  if (exception.getErrorCode() == SQLITE_CORRUPT || exception.getErrorCode() == SQLITE_NOTADB) {
    return damaged(path_, exception.what()).error();
  }
  return {code_of(exception.getErrorCode()), concat(doing, " in ", path_, ": ", exception.what())};
}

void Store::Database::keep_log(bool keep) {
  sqlite3_db_config(sqlite_.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
}

Result<> Store::Database::check() {
  const auto version = run<int>("reading the version",
                                [](SQLite::Database& db) { return db.execAndGet("PRAGMA user_version").getInt(); });
  if (!version) return fail(version.error());
  if (*version > schema_version) {
    return fail(ErrorCode::unsupported,
                concat("the database ", path_, " is of a newer Entropy (version ", *version, "; this one knows ",
                       schema_version, "): use that Entropy, or another --data-dir"));
  }
  // Whole what must not be lost; of the history, which may be large, what can be seen at once.
  const auto fault = run<std::string>("checking the database", [&](SQLite::Database& db) -> std::string {
    if (is_cut(path_, db)) return "it was cut short";
    if (db.execAndGet("PRAGMA user_version").getInt() == 0) return "ok";
    for (const char* table : {"PRAGMA quick_check(policy)", "PRAGMA quick_check(setting)"}) {
      const std::string found = db.execAndGet(table).getString();
      if (found != "ok") return found;
    }
    return "ok";
  });
  if (!fault) return fail(fault.error());
  return *fault == "ok" ? Result<>() : damaged(path_, *fault);
}

Result<> Store::Database::prepare() {
  return run<void>("preparing the database", [](SQLite::Database& db) {
    db.setBusyTimeout(2000);
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    int version = db.execAndGet("PRAGMA user_version").getInt();
    if (version == schema_version) return;
    SQLite::Transaction transaction(db);
    if (version == 0) {
      db.exec(schema);
      version = first_version;
    }
    for (int from = version; from < schema_version; ++from) db.exec(migrations[from - 1]);
    db.exec(concat("PRAGMA user_version = ", schema_version));
    transaction.commit();
  });
}

Result<std::unique_ptr<Store::Database>> Store::Database::open(const std::string& path) {
  if (const auto fault = fault_of_log_of(path); !fault.empty()) return damaged(path, fault);
  // What the tokens let in to read, others must not read from here, though the folder be open to them. SQLite itself
  // would go by the umask; the files beside it get the mode of this one.
  if (path != ":memory:") Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  std::unique_ptr<Database> database;
  try {
    database.reset(new Database(path));
  } catch (const SQLite::Exception& e) {
    return fail(code_of(e.getErrorCode()), concat("cannot open the database ", path, ": ", e.what()));
  }
  database->keep_log(true);
  const auto checked = database->check();
  if (!checked) return fail(checked.error());
  const auto prepared = database->prepare();
  if (!prepared) return fail(prepared.error());
  database->keep_log(false);
  return database;
}

}  // namespace entropy::store
