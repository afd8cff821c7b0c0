#include "store/store.hpp"

#include "policy/policy_json.hpp"
#include "store/database.hpp"

namespace entropy::store {

Store::Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  auto database = Database::open(path);
  if (!database) return fail(database.error());
  return std::unique_ptr<Store>(new Store(std::move(*database)));
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

std::string Store::trouble() {
  if (!database_->trouble().empty()) {
    [[maybe_unused]] const auto tried = database_->run<void>("writing", [](SQLite::Database& db) {
      db.exec("INSERT OR REPLACE INTO setting (key, value) VALUES ('tried', CURRENT_TIMESTAMP)");
    });
  }
  return database_->trouble();
}

}  // namespace entropy::store
