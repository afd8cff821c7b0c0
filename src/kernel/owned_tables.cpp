#include "kernel/owned_tables.hpp"

#include <linux/netlink.h>

#include <algorithm>

#include "base/text.hpp"

namespace entropy::kernel {

void add(Counters& sum, const Counters& more) {
  sum.matched += more.matched;
  sum.dropped += more.dropped;
  sum.delayed += more.delayed;
  sum.duplicated += more.duplicated;
  sum.altered += more.altered;
}

void add(Tally& sum, const Tally& more) {
  for (const auto& [name, counters] : more) add(sum[name], counters);
}

Result<OwnedTables> OwnedTables::open() {
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return fail(socket.error());
  return OwnedTables(std::move(*socket));
}

Result<std::vector<nft::Table>> OwnedTables::read() {
  auto tables = nft::read_tables(socket_, table_name);
  if (!tables) return fail(context("can't read nftables", tables.error()));
  std::erase_if(*tables, [this](const nft::Table& table) { return table.owner != socket_.port(); });
  return tables;
}

Result<> OwnedTables::check_free() {
  const auto tables = nft::read_tables(socket_, table_name);
  if (!tables) return fail(context("can't read nftables", tables.error()));
  const auto foreign = [this](const nft::Table& table) { return table.owner != socket_.port(); };
  const auto found = std::ranges::find_if(*tables, foreign);
  if (found == tables->end()) return {};
  if (found->owner != 0) return fail(ErrorCode::conflict, "another injector holds this namespace");
  return fail(ErrorCode::conflict,
              concat("a table named ", table_name, " is in the way which Entropy did not make (nft delete table ",
                     nft::to_string(found->family), " ", table_name, ")"));
}

// A table of our name that isn't ours is the usual reason for a refusal, but the kernel doesn't say so.
Error OwnedTables::explain(Error error) {
  const auto free = check_free();
  if (free || free.error().code != ErrorCode::conflict) return error;
  return {ErrorCode::conflict, concat(free.error().message, ": ", error.message), {}};
}

Result<> OwnedTables::become(std::vector<nft::Table> tables) {
  const auto kernel = read();
  if (!kernel) return fail(kernel.error());
  if (difference(*kernel, tables)) {
    if (auto changed = change(*kernel, tables); !changed) return fail(explain(changed.error()));
    add(past_, counted_by_replaced(*kernel, tables));
    const auto reached = read();
    if (!reached) return fail(reached.error());
    if (const auto other = difference(*reached, tables)) {
      return fail(ErrorCode::internal, concat("the kernel took the rules but does not hold them: ", *other));
    }
  }
  in_force_ = std::move(tables);
  return {};
}

Result<> OwnedTables::change(const std::vector<nft::Table>& kernel, const std::vector<nft::Table>& tables) {
  auto between = kernel;
  Writer sets;
  if (write_new_sets(sets, kernel, tables)) {
    if (auto done = nft::commit(socket_, sets.bytes()); !done) return done;
    auto reached = read();
    if (!reached) return fail(reached.error());
    between = std::move(*reached);
  }
  Writer rules;
  write_transition(rules, between, tables);
  if (auto done = nft::commit(socket_, rules.bytes()); !done) return done;
  Writer removals;
  if (!write_set_removals(removals, between, tables)) return {};
  return nft::commit(socket_, removals.bytes());
}

Result<> OwnedTables::drain() {
  in_force_.clear();
  const auto kernel = read();
  if (!kernel) return fail(kernel.error());
  if (kernel->empty()) return {};
  add(past_, counted(*kernel));
  Writer batch;
  write_transition(batch, *kernel, draining(*kernel));
  return nft::commit(socket_, batch.bytes());
}

Result<> OwnedTables::remove() {
  in_force_.clear();
  const auto kernel = read();
  if (!kernel) return fail(kernel.error());
  if (kernel->empty()) return {};
  Writer batch;
  nft::begin_batch(batch);
  for (const auto& table : *kernel) nft::delete_table(batch, table.family, table.name);
  nft::end_batch(batch);
  if (auto removed = nft::commit(socket_, batch.bytes()); !removed) return removed;
  const auto left = read();
  if (!left) return fail(left.error());
  if (!left->empty()) return fail(ErrorCode::internal, "tables of ours remain after their removal");
  return {};
}

bool OwnedTables::renew() {
  const std::string_view in_turn = alive_sets[renewals_++ % alive_sets.size()];
  Writer batch;
  nft::begin_batch(batch);
  for (const auto& table : in_force_) {
    for (const auto& set : table.sets) {
      if (set.name == in_turn) nft::renew_elements(batch, table.family, table.name, set);
    }
  }
  nft::end_batch(batch);
  return nft::commit(socket_, batch.bytes()).has_value();
}

Result<Tally> OwnedTables::counters() {
  const auto tables = read();
  if (!tables) return fail(tables.error());
  Tally sum = past_;
  add(sum, counted(*tables));
  return sum;
}

}  // namespace entropy::kernel
