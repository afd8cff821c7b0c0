// What the service does to containers itself.
#include "store/database.hpp"

namespace entropy::store {
namespace {

ActRecord read_act(SQLite::Statement& row) {
  ActRecord record;
  record.id = static_cast<std::uint64_t>(row.getColumn(0).getInt64());
  record.endpoint = row.getColumn(1).getString();
  record.container = row.getColumn(2).getString();
  record.name = row.getColumn(3).getString();
  record.policy = row.getColumn(4).getString();
  record.target = row.getColumn(5).getString();
  record.failure = row.getColumn(6).getString();
  record.window = static_cast<std::uint64_t>(row.getColumn(7).getInt64());
  record.planned_start = Time(Duration(row.getColumn(8).getInt64()));
  record.planned_end = time_column(row.getColumn(9));
  record.state = static_cast<ActState>(row.getColumn(10).getInt());
  record.former = row.getColumn(11).getString();
  record.done = time_column(row.getColumn(12));
  return record;
}

}  // namespace

Result<std::vector<ActRecord>> Store::acts() {
  return database_->run<std::vector<ActRecord>>("reading acts", [](SQLite::Database& db) {
    std::vector<ActRecord> records;
    SQLite::Statement statement(db,
                                "SELECT id, endpoint, container, name, policy, target, failure, window, planned_start, "
                                "planned_end, state, former, done FROM act ORDER BY id");
    while (statement.executeStep()) records.push_back(read_act(statement));
    return records;
  });
}

Result<std::uint64_t> Store::put_act(const ActRecord& record) {
  return database_->run<std::uint64_t>("storing an act", [&](SQLite::Database& db) {
    SQLite::Statement statement(
        db,
        "INSERT OR REPLACE INTO act VALUES (:id, :endpoint, :container, :name, :policy, :target, "
        ":failure, :window, :planned_start, :planned_end, :state, :former, :done)");
    if (record.id == 0) {
      statement.bind(":id");
    } else {
      statement.bind(":id", static_cast<std::int64_t>(record.id));
    }
    statement.bind(":endpoint", record.endpoint);
    statement.bind(":container", record.container);
    statement.bind(":name", record.name);
    statement.bind(":policy", record.policy);
    statement.bind(":target", record.target);
    statement.bind(":failure", record.failure);
    statement.bind(":window", static_cast<std::int64_t>(record.window));
    statement.bind(":planned_start", to_column(record.planned_start));
    bind_time(statement, ":planned_end", record.planned_end);
    statement.bind(":state", static_cast<int>(record.state));
    statement.bind(":former", record.former);
    bind_time(statement, ":done", record.done);
    statement.exec();
    return static_cast<std::uint64_t>(db.getLastInsertRowid());
  });
}

Result<> Store::remove_act(std::uint64_t id) {
  return database_->run<void>("removing an act", [&](SQLite::Database& db) {
    SQLite::Statement statement(db, "DELETE FROM act WHERE id = :id");
    statement.bind(":id", static_cast<std::int64_t>(id));
    statement.exec();
  });
}

}  // namespace entropy::store
