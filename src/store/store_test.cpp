#include "store/store.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "failure/catalogue.hpp"

namespace entropy::store {
namespace {

using namespace std::chrono_literals;

policy::Record record_named(std::string name) {
  policy::Record record;
  record.policy.name = std::move(name);
  record.policy.selector = *policy::Selector::parse("service=db");
  record.policy.failures = {*failure::parse("partition", {})};
  record.revision = 1;
  return record;
}

FaultRecord fault(std::string policy, std::uint64_t window) {
  FaultRecord record;
  record.policy = std::move(policy);
  record.target = "db-1";
  record.endpoint = "unix:///x";
  record.failure = "latency";
  record.window = window;
  record.planned_start = Time(std::chrono::seconds(window * 10));
  return record;
}

// A database file of its own for each test.
class StoreFile : public testing::Test {
 protected:
  StoreFile() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() / concat("entropy-store-", getpid(), "-", info->name());
    std::filesystem::create_directories(folder_);
  }
  ~StoreFile() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "entropy.db").string(); }
  std::filesystem::path folder_;
};

TEST_F(StoreFile, KeepsPoliciesOverARestart) {
  {
    const auto store = *Store::open(path());
    ASSERT_TRUE(store->put_policy(record_named("a")));
    ASSERT_TRUE(store->put_policy(record_named("b")));
    auto changed = record_named("b");
    changed.revision = 2;
    ASSERT_TRUE(store->put_policy(changed));
    ASSERT_TRUE(store->remove_policy("a"));
  }
  const auto policies = (*Store::open(path()))->policies();
  ASSERT_TRUE(policies);
  ASSERT_EQ(policies->size(), 1U);
  EXPECT_EQ(policies->front().policy.name, "b");
  EXPECT_EQ(policies->front().revision, 2U);
}

TEST_F(StoreFile, IsItsOwnersAlone) {
  std::filesystem::permissions(folder_, std::filesystem::perms::all);
  const auto store = *Store::open(path());
  ASSERT_TRUE(store->put_policy(record_named("a")));
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    const auto others =
        file.status().permissions() & (std::filesystem::perms::group_all | std::filesystem::perms::others_all);
    EXPECT_EQ(others, std::filesystem::perms::none) << file.path();
  }
}

TEST_F(StoreFile, KeepsHaltAndIdentity) {
  const Halt halt{"big red button", Time(5s)};
  {
    const auto store = *Store::open(path());
    EXPECT_EQ(*store->halt(), std::nullopt);
    ASSERT_TRUE(store->set_halt(halt));
    EXPECT_EQ(store->manager_id("one"), "one");
  }
  const auto store = *Store::open(path());
  EXPECT_EQ(*store->halt(), halt);
  EXPECT_EQ(store->manager_id("two"), "one");
  ASSERT_TRUE(store->set_halt(std::nullopt));
  EXPECT_EQ(*store->halt(), std::nullopt);
}

TEST_F(StoreFile, RefusesANewerDatabaseUntouched) {
  {
    SQLite::Database db(path(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec("PRAGMA user_version = 99");
  }
  const auto store = Store::open(path());
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, testing::HasSubstr("newer Entropy"));
  SQLite::Database db(path());
  EXPECT_EQ(db.execAndGet("PRAGMA user_version").getInt(), 99);
}

TEST_F(StoreFile, BringsAnOlderDatabaseUpToDate) {
  {
    SQLite::Database db(path(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec(R"(
      CREATE TABLE policy (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE fault (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        policy TEXT NOT NULL, target TEXT NOT NULL, endpoint TEXT NOT NULL, failure TEXT NOT NULL,
        window INTEGER NOT NULL, planned_start INTEGER NOT NULL, planned_end INTEGER, started INTEGER, ended INTEGER,
        outcome INTEGER NOT NULL, packets INTEGER NOT NULL, message TEXT NOT NULL);
      INSERT INTO fault VALUES (1, 'p', 't', 'e', 'latency', 3, 30, 34, 30, 34, 1, 12, 'old');
      PRAGMA user_version = 1;)");
  }
  const auto store = Store::open(path());
  ASSERT_TRUE(store) << store.error().message;
  const auto rows = *(*store)->faults({});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].message, "old");
  EXPECT_EQ(rows[0].measured, "");
  FaultRecord record = fault("p", 4);
  record.measured = "{}";
  EXPECT_TRUE((*store)->add_fault(record));
}

TEST(Store, SaysWhereItCannotBeOpened) {
  const auto store = Store::open("/nonexistent/entropy.db");
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, testing::HasSubstr("/nonexistent/entropy.db"));
}

TEST(Store, AnswersQueriesNewestFirst) {
  const auto store = *Store::open(":memory:");
  for (std::uint64_t window = 0; window < 10; ++window)
    ASSERT_TRUE(store->add_fault(fault(window % 2 ? "odd" : "even", window)));
  const auto windows = [&](const FaultQuery& query) {
    std::vector<std::uint64_t> found;
    for (const auto& row : *store->faults(query)) found.push_back(row.window);
    return found;
  };
  FaultQuery query;
  query.policy = "odd";
  query.limit = 2;
  EXPECT_THAT(windows(query), testing::ElementsAre(9, 7));
  const FaultRecord last = store->faults(query)->back();
  query.cursor = FaultCursor{last.planned_start, last.id};
  EXPECT_THAT(windows(query), testing::ElementsAre(5, 3));
  FaultQuery between;
  between.since = Time(20s);
  between.until = Time(40s);
  EXPECT_THAT(windows(between), testing::ElementsAre(3, 2));
  FaultQuery nobody;
  nobody.target = "nobody";
  EXPECT_TRUE(windows(nobody).empty());
}

TEST(Store, ClosesAFault) {
  const auto store = *Store::open(":memory:");
  FaultRecord record = fault("p", 3);
  record.started = Time(31s);
  record.id = store->add_fault(record)->id;
  EXPECT_EQ(store->open_faults(), std::vector<FaultRecord>{record});
  record.ended = Time(35s);
  record.outcome = Outcome::completed;
  record.packets = 12;
  record.measured = R"({"dropped":3})";
  ASSERT_TRUE(store->update_fault(record));
  EXPECT_TRUE(store->open_faults()->empty());
  EXPECT_EQ(store->faults({}), std::vector<FaultRecord>{record});
}

TEST(Store, AWindowThatCameAgainIsNotMissedAnyMore) {
  const auto store = *Store::open(":memory:");
  const auto missed = [](const char* policy, const char* failure) {
    FaultRecord record = fault(policy, 3);
    record.failure = failure;
    record.outcome = Outcome::missed;
    return record;
  };
  EXPECT_EQ(store->add_missed_fault(missed("p", "loss")), true);
  EXPECT_EQ(store->add_missed_fault(missed("p", "loss")), false) << "once is enough";
  EXPECT_EQ(store->add_missed_fault(missed("p", "latency")), true);
  EXPECT_EQ(store->add_missed_fault(missed("q", "loss")), true);
  ASSERT_TRUE(store->add_fault(fault("p", 3)));
  EXPECT_EQ(store->add_missed_fault(missed("p", "latency")), false);
  std::vector<std::pair<std::string, Outcome>> rows;
  for (const auto& row : *store->faults({})) rows.emplace_back(row.policy, row.outcome);
  EXPECT_THAT(rows, testing::UnorderedElementsAre(std::pair("p", Outcome::active), std::pair("q", Outcome::missed)));
}

TEST(Store, SaysWhatAWindowThatIsHeardOfLateHadBeenMissedFor) {
  const auto store = *Store::open(":memory:");
  FaultRecord record = fault("p", 3);
  record.outcome = Outcome::missed;
  for (const char* failure : {"loss", "latency"}) {
    record.failure = failure;
    ASSERT_TRUE(store->add_missed_fault(record));
  }
  record.outcome = Outcome::completed;
  record.started = Time(31s);
  EXPECT_EQ(store->add_fault(record)->unmissed, 2U);
  record.failure = "loss";
  EXPECT_EQ(store->add_fault(record)->unmissed, 0U);
}

TEST(Store, FindsAFaultByItsWindowAndStart) {
  const auto store = *Store::open(":memory:");
  FaultRecord record = fault("p", 3);
  record.started = Time(31s);
  EXPECT_EQ(*store->find_fault(record), std::optional<FaultRecord>());
  record.id = store->add_fault(record)->id;
  record.ended = Time(34s);
  record.outcome = Outcome::completed;
  ASSERT_TRUE(store->update_fault(record));
  FaultRecord like = fault("p", 3);
  like.started = Time(31s);
  EXPECT_EQ(*store->find_fault(like), record);
  const auto differing = [&](auto change) {
    FaultRecord other = like;
    change(other);
    return other;
  };
  for (const auto& other :
       {differing([](auto& it) { it.policy = "q"; }), differing([](auto& it) { it.target = "x"; }),
        differing([](auto& it) { it.endpoint = "x"; }), differing([](auto& it) { it.window = 4; }),
        differing([](auto& it) { it.failure = "loss"; }), differing([](auto& it) { it.planned_start += 1s; }),
        differing([](auto& it) { it.started = Time(32s); }), differing([](auto& it) { it.started.reset(); })}) {
    EXPECT_EQ(*store->find_fault(other), std::optional<FaultRecord>());
  }
}

TEST(Store, FindsWhatFailedByItsReasonAndNothingThatWasMissed) {
  const auto store = *Store::open(":memory:");
  FaultRecord record = fault("p", 3);
  record.outcome = Outcome::failed;
  record.message = "refused";
  record.id = store->add_fault(record)->id;
  FaultRecord missed = fault("q", 3);
  missed.outcome = Outcome::missed;
  missed.message = "late";
  ASSERT_TRUE(store->add_missed_fault(missed));
  EXPECT_EQ(*store->find_fault(record), record);
  record.message = "another reason";
  EXPECT_EQ(*store->find_fault(record), std::optional<FaultRecord>());
  EXPECT_EQ(*store->find_fault(missed), std::optional<FaultRecord>());
}

TEST(Store, PrunesByAgeButNeverOpenRows) {
  const auto store = *Store::open(":memory:");
  for (std::uint64_t window = 0; window < 10; ++window) {
    FaultRecord record = fault("p", window);
    record.outcome = window == 0 ? Outcome::active : Outcome::completed;
    ASSERT_TRUE(store->add_fault(record));
    ASSERT_TRUE(store->add_audit({{"token", "here"}, "PUT", "/v1/halt", 200, record.planned_start}));
  }
  const HistoryLimits limits{30s, 1'000'000'000};
  EXPECT_EQ(store->prune(limits, Time(100s), 4), 4U + 4U);
  EXPECT_EQ(store->prune(limits, Time(100s), 100), 2U + 3U);
  EXPECT_EQ(store->prune(limits, Time(100s), 100), 0U);
  EXPECT_EQ(store->faults({})->size(), 4U);
  EXPECT_EQ(store->audit({})->size(), 3U);
}

TEST_F(StoreFile, PrunesBySizeAndTheFileStaysBelow) {
  const auto store = *Store::open(path());
  const HistoryLimits limits{24h * 365, 500'000};
  FaultRecord record = fault("p", 1);
  record.outcome = Outcome::completed;
  record.message = std::string(2'000, 'x');
  for (int i = 0; i < 1000; ++i) {
    record.planned_start += 1s;
    ASSERT_TRUE(store->add_fault(record));
    if (i % 16 == 0) ASSERT_TRUE(store->prune(limits, record.planned_start, 64));
  }
  EXPECT_LT(std::filesystem::file_size(path()), 1'000'000U);
  FaultQuery query;
  query.limit = 1000;
  const auto kept = *store->faults(query);
  EXPECT_GT(kept.size(), 100U);
  EXPECT_EQ(kept.front().planned_start, record.planned_start);
}

TEST(Store, KeepsAnAuditLog) {
  const auto store = *Store::open(":memory:");
  const AuditRecord record{{"token", "127.0.0.1:9"}, "POST", "/v1/policies", 0, Time(5s)};
  const auto id = store->add_audit(record);
  ASSERT_TRUE(id);
  ASSERT_TRUE(store->end_audit(*id, "/v1/policies/a", 201));
  ASSERT_TRUE(store->add_audit({{"token", ""}, "PUT", std::string(5000, 'x'), 0, Time(6s)}));
  AuditQuery query;
  query.until = Time(6s);
  AuditRecord wanted = record;
  wanted.path = "/v1/policies/a";
  wanted.status = 201;
  wanted.id = *id;
  EXPECT_EQ(store->audit(query), std::vector<AuditRecord>{wanted});
  query = {{}, {}, 1, 0};
  const auto newest = *store->audit(query);
  EXPECT_EQ(newest.front().path.size(), 1024U);
  query.cursor = newest.front().id;
  EXPECT_EQ(store->audit(query)->front(), wanted);
}

// What is damaged is refused, byte for byte as it was.
TEST_F(StoreFile, RefusesADamagedDatabaseUntouched) {
  {
    const auto store = *Store::open(path());
    ASSERT_TRUE(store->put_policy(record_named("a")));
    for (std::uint64_t window = 0; window < 1000; ++window) ASSERT_TRUE(store->add_fault(fault("p", window)));
  }
  const auto read = [&] {
    std::ifstream file(path(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string whole = read();
  std::string without_policies = whole;
  std::fill_n(without_policies.begin() + 4096, 4096, 'x');
  for (const std::string& bytes : {std::string(10'000, 'x'), whole.substr(0, whole.size() / 2), without_policies}) {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes;
    const auto store = Store::open(path());
    ASSERT_FALSE(store);
    EXPECT_THAT(store.error().message, testing::HasSubstr(path()));
    EXPECT_THAT(store.error().message, testing::HasSubstr("damaged"));
    EXPECT_EQ(read(), bytes);
  }
  std::ofstream(path(), std::ios::binary | std::ios::trunc) << whole;
  EXPECT_TRUE(Store::open(path()));
}

// As after a kill: what was written last is in the log alone.
TEST_F(StoreFile, RefusesADamagedDatabaseWithALogUntouched) {
  const auto read = [](const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const auto write = [](const std::string& name, const std::string& bytes) {
    std::ofstream(name, std::ios::binary | std::ios::trunc) << bytes;
  };
  const auto spoilt = [](std::string bytes, std::size_t at) { return bytes.replace(at, 16, 16, 'x'); };
  ASSERT_TRUE((*Store::open(path()))->put_policy(record_named("a")));
  auto store = *Store::open(path());
  ASSERT_TRUE(store->put_policy(record_named("b")));
  const std::size_t first = std::filesystem::file_size(path() + "-wal");  // of its transactions
  ASSERT_TRUE(store->put_policy(record_named("c")));
  const std::string whole = read(path());
  const std::string log = read(path() + "-wal");
  store.reset();
  const std::string behind = (folder_ / "behind.db").string();
  struct Case {
    std::string whole;
    std::string log;
  };
  for (const auto& [bytes, log_bytes] :
       {Case{spoilt(whole, 0), log}, Case{spoilt(whole, 2 * 4096), log}, Case{whole, spoilt(log, 0)},
        Case{whole, spoilt(log, 16)}, Case{whole, spoilt(log, 100)}, Case{whole, spoilt(log, 32)}, Case{"", log}}) {
    write(behind, bytes);
    write(behind + "-wal", log_bytes);
    const auto opened = Store::open(behind);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, testing::HasSubstr("damaged"));
    EXPECT_EQ(read(behind), bytes);
    EXPECT_EQ(read(behind + "-wal"), log_bytes);
  }
  for (const auto& [log_bytes, policies] :
       {std::pair(log, 3U), std::pair(log.substr(0, log.size() - 1), 2U), std::pair(spoilt(log, first + 100), 2U),
        std::pair(log.substr(0, 10), 1U)}) {
    write(behind, whole);
    write(behind + "-wal", log_bytes);
    EXPECT_EQ((*Store::open(behind))->policies()->size(), policies) << "the last transaction may be cut short";
  }
  EXPECT_FALSE(std::filesystem::exists(behind + "-wal"));
}

TEST(Store, KeepsActsUntilTheyAreRemoved) {
  auto store = *Store::open(":memory:");
  ActRecord act;
  act.endpoint = "e";
  act.container = "c1";
  act.policy = "p";
  act.failure = "{}";
  act.planned_start = Time(Duration(5));
  act.former = "{}";
  act.id = *store->put_act(act);
  EXPECT_EQ(store->acts(), std::vector{act});
  act.state = ActState::held;
  act.done = Time(Duration(7));
  act.planned_end = Time(Duration(9));
  EXPECT_EQ(store->put_act(act), act.id);
  EXPECT_EQ(store->acts(), std::vector{act});
  ASSERT_TRUE(store->remove_act(act.id));
  EXPECT_TRUE(store->acts()->empty());
}

}  // namespace
}  // namespace entropy::store
