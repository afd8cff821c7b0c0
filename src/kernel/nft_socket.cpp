#include "kernel/nft_socket.hpp"

#include "base/text.hpp"

namespace entropy::kernel::nft {
namespace {

template <class Write>
Result<Bytes> dump(NetlinkSocket& socket, Write write) {
  Writer request;
  write(request);
  return socket.dump(request.bytes());
}

Result<> read_sets(NetlinkSocket& socket, Table& table) {
  const auto answer = dump(socket, [&](Writer& out) { dump_sets(out, table.family, table.name); });
  if (!answer) return fail(answer.error());
  auto sets = decode_sets(*answer, table.name);
  if (!sets) return fail(sets.error());
  for (auto& set : *sets) {
    const auto listed = dump(socket, [&](Writer& out) { dump_elements(out, table.family, table.name, set.name); });
    if (!listed) return fail(listed.error());
    auto elements = decode_elements(*listed, set.name);
    if (!elements) return fail(elements.error());
    set.elements = std::move(*elements);
  }
  table.sets = std::move(*sets);
  return {};
}

Result<> read_chains(NetlinkSocket& socket, Table& table) {
  const auto answer = dump(socket, [&](Writer& out) { dump_chains(out, table.family); });
  if (!answer) return fail(answer.error());
  auto chains = decode_chains(*answer, table.name);
  if (!chains) return fail(chains.error());
  const auto rules = dump(socket, [&](Writer& out) { dump_rules(out, table.family, table.name); });
  if (!rules) return fail(rules.error());
  if (auto placed = decode_rules(*rules, table.name, *chains); !placed) return placed;
  table.chains = std::move(*chains);
  return {};
}

}  // namespace

Result<std::vector<Table>> read_tables(NetlinkSocket& socket, std::string_view name) {
  const auto answer = dump(socket, [](Writer& out) { dump_tables(out); });
  if (!answer) return fail(answer.error());
  auto tables = decode_tables(*answer, name);
  if (!tables) return tables;
  for (auto& table : *tables) {
    if (table.owner != socket.port()) continue;
    if (auto read = read_sets(socket, table); !read) return fail(read.error());
    if (auto read = read_chains(socket, table); !read) return fail(read.error());
  }
  return tables;
}

Result<> commit(NetlinkSocket& socket, View batch) {
  const auto refusal = socket.request(batch);
  if (!refusal) return fail(refusal.error());
  if (!*refusal) return {};
  auto error = errno_error(concat("the kernel refused ", describe(batch, (*refusal)->sequence)), (*refusal)->error);
  if (!(*refusal)->words.empty()) error.message += concat(" (", (*refusal)->words, ")");
  return fail(std::move(error));
}

}  // namespace entropy::kernel::nft
