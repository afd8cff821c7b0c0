// How long the history takes to answer with a million rows in it; fails above the bound that we hold ourselves to.
#include <SQLiteCpp/SQLiteCpp.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "base/text.hpp"
#include "store/store.hpp"

namespace entropy::store {
namespace {

constexpr double bound_ms = 10;
constexpr int rows = 1'000'000;
constexpr Time newest{std::chrono::seconds(rows)};

// One a second, of 100 policies on 1,000 targets; the last policy and the last target have the oldest rows only.
void fill(const std::string& path) {
  SQLite::Database db(path, SQLite::OPEN_READWRITE);
  db.exec(concat(R"(
    BEGIN;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < )",
                 rows, R"()
    INSERT INTO fault (policy, target, endpoint, failure, window, planned_start, planned_end, started, ended, outcome,
                       packets, measured, message)
    SELECT iif(i < 100, 'old', 'policy-' || (i % 100)), iif(i < 100, 'old', 'target-' || (i * 7919 % 1000)),
           'unix:///var/run/docker.sock', 'latency', i, i * 1000000, i * 1000000 + 500000, i * 1000000,
           i * 1000000 + 500000, 1, i, '{"dropped":0,"delayed":100}', '' FROM n;
    COMMIT;)"));
}

// Of eleven times; infinite where the answer is another one.
double median_ms(Store& store, const FaultQuery& query, std::size_t expected) {
  std::vector<double> times;
  for (int i = 0; i < 11; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto found = store.faults(query);
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
    if (!found || found->size() != expected) return 1e9;
    times.push_back(taken.count());
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

int run(const std::string& folder) {
  using namespace std::chrono_literals;
  const std::string path = concat(folder, "/entropy.db");
  auto store = *Store::open(path);
  fill(path);
  FaultQuery newest_rows, by_policy, by_target, by_both, by_time, rare, rare_both, none;
  by_policy.policy = rare_both.policy = "policy-7";
  by_target.target = by_both.target = "target-413";
  by_both.policy = "policy-27";  // which is there once in a thousand rows
  by_time.since = newest - 900'000s;
  by_time.until = newest - 899'000s;
  rare.policy = "old";
  rare_both.target = "old";
  by_both.until = newest - 500'000s;
  none.policy = "nobody";
  FaultQuery page = by_policy;
  page.cursor = FaultCursor{newest - 500'000s, 500'000};
  double worst = 0;
  const auto measure = [&](const char* what, const FaultQuery& query, std::size_t expected) {
    const double ms = median_ms(*store, query, expected);
    std::printf("%-34s %8.2f ms\n", what, ms);
    worst = std::max(worst, ms);
  };
  measure("the newest 100 of a million", newest_rows, 100);
  measure("of a policy", by_policy, 100);
  measure("of a policy, a page far back", page, 100);
  measure("of a target", by_target, 100);
  measure("of both", by_both, by_both.limit);
  measure("between two times", by_time, 100);
  measure("of a policy with old rows only", rare, 99);
  measure("of a target that policy never had", rare_both, 0);
  measure("of a policy that never was", none, 0);
  std::printf("%-34s %8.0f MB\n", "the file", static_cast<double>(std::filesystem::file_size(path)) / 1e6);
  const auto begin = std::chrono::steady_clock::now();
  store.reset();
  if (!Store::open(path)) return 1;
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
  std::printf("%-34s %8.1f ms\n", "closing and opening it", taken.count());
  return worst <= bound_ms ? 0 : 1;
}

}  // namespace
}  // namespace entropy::store

int main() {
  char folder[] = "/tmp/entropy-history-XXXXXX";
  if (::mkdtemp(folder) == nullptr) return 1;
  const int code = entropy::store::run(folder);
  std::filesystem::remove_all(folder);
  return code;
}
