#include "kernel/nft.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace entropy::kernel::nft {
namespace {

constexpr std::uint16_t message_type(int message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
}

// nft(8) keeps comments as type-length-value records in a rule's user data; type 0 is the comment.
constexpr std::uint8_t comment_type = 0;
// nft's name for the type of a set's keys; the kernel only keeps it for whoever lists the set.
constexpr std::uint32_t type_ifname = 41;

void begin(Writer& out, int message, std::uint16_t flags, Family family) {
  const nfgenmsg head = {static_cast<std::uint8_t>(family), NFNETLINK_V0, 0};
  out.begin(message_type(message), flags, bytes_of(head));
}

void batch_mark(Writer& out, std::uint16_t type) {
  const nfgenmsg head = {AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
  out.begin(type, 0, bytes_of(head));
}

// nft's own names for types of keys, by length.
std::uint32_t key_type(std::uint32_t length) {
  constexpr std::uint32_t ipv4_address = 7, ipv6_address = 8, protocol = 12, service = 13;
  switch (length) {
    case 1:
      return protocol;
    case 2:
      return service;
    case 4:
      return ipv4_address;
    default:
      return ipv6_address;
  }
}

// A list's length is a number of 16 bits.
constexpr std::size_t elements_of_a_message = 1000;

void elements(Writer& out, int message, std::uint16_t flags, Family family, std::string_view table, const Set& set) {
  for (std::size_t at = 0; at < set.elements.size(); at += elements_of_a_message) {
    begin(out, message, flags, family);
    out.text(NFTA_SET_ELEM_LIST_TABLE, table);
    out.text(NFTA_SET_ELEM_LIST_SET, set.name);
    out.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
      for (std::size_t i = at; i < std::min(at + elements_of_a_message, set.elements.size()); ++i) {
        const Element& element = set.elements[i];
        out.nest(NFTA_LIST_ELEM, [&] {
          out.nest(NFTA_SET_ELEM_KEY, [&] { out.put(NFTA_DATA_VALUE, element.key); });
          if (element.end) out.u32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
        });
      }
    });
  }
}

Bytes user_data(std::string_view comment) {
  Bytes bytes = {comment_type, static_cast<std::uint8_t>(comment.size() + 1)};
  bytes.insert(bytes.end(), comment.begin(), comment.end());
  bytes.push_back(0);
  return bytes;
}

std::string comment_in(View bytes) {
  if (bytes.size() < 3 || bytes[0] != comment_type || bytes[1] > bytes.size() - 2) return {};
  const View text = bytes.subspan(2, bytes[1]);
  return {text.begin(), std::find(text.begin(), text.end(), 0)};
}

// Calls `use` with the attributes of every message of one kind about the table.
template <class Use>
Result<> for_each(View answer, int message, std::uint16_t table_attribute, std::string_view table, Use use) {
  while (const auto next = next_message(answer)) {
    if (next->type != message_type(message)) continue;
    const View attributes = attributes_behind(next->payload, sizeof(nfgenmsg));
    if (find_text(attributes, table_attribute) != table) continue;
    if (auto used = use(*next, attributes); !used) return used;
  }
  return {};
}

Error malformed(std::string_view what) {
  return {ErrorCode::protocol, concat("the kernel describes ", what, " in a way that we don't understand"), {}};
}

Result<Rule> decode_rule(View attributes) {
  Rule rule;
  if (const auto data = find(attributes, NFTA_RULE_USERDATA)) rule.comment = comment_in(*data);
  View list = find(attributes, NFTA_RULE_EXPRESSIONS).value_or(View{});
  while (const auto element = next_attribute(list)) {
    auto expression = decode_expression(element->value);
    if (!expression) return fail(expression.error());
    rule.expressions.push_back(std::move(*expression));
  }
  return rule;
}

// The one device of a netdev chain; kernels that know of several list them apart.
std::string device_in(View hook) {
  if (auto device = find_text(hook, NFTA_HOOK_DEV)) return *device;
  return find_text(find(hook, NFTA_HOOK_DEVS).value_or(View{}), NFTA_DEVICE_NAME).value_or("");
}

}  // namespace

Bytes interface_key(std::string_view name) {
  Bytes key(IFNAMSIZ);
  std::copy_n(name.begin(), std::min(name.size(), key.size() - 1), key.begin());
  return key;
}

std::string_view to_string(Family family) {
  switch (family) {
    case Family::ipv4:
      return "ip";
    case Family::ipv6:
      return "ip6";
    case Family::netdev:
      return "netdev";
  }
  return "";
}

std::string describe(View batch, std::uint32_t sequence) {
  while (const auto message = next_message(batch)) {
    const auto head = read_struct<nfgenmsg>(message->payload);
    if (message->sequence != sequence || message->type >> 8 != NFNL_SUBSYS_NFTABLES || !head) continue;
    const View attributes = attributes_behind(message->payload, sizeof(nfgenmsg));
    const auto family = to_string(static_cast<Family>(head->nfgen_family));
    switch (message->type & 0xff) {
      case NFT_MSG_NEWTABLE:
        return concat("table ", family);
      case NFT_MSG_NEWCHAIN:
        return concat("chain ", quoted(find_text(attributes, NFTA_CHAIN_NAME).value_or("")), " of ", family);
      case NFT_MSG_NEWRULE:
        return concat("rule ", quoted(comment_in(find(attributes, NFTA_RULE_USERDATA).value_or(View{}))), " in chain ",
                      quoted(find_text(attributes, NFTA_RULE_CHAIN).value_or("")), " of ", family);
      case NFT_MSG_NEWSET:
        return concat("set of ", family);
      default:
        return concat("a change of ", family);
    }
  }
  return "the batch";
}

void begin_batch(Writer& out) { batch_mark(out, NFNL_MSG_BATCH_BEGIN); }
void end_batch(Writer& out) { batch_mark(out, NFNL_MSG_BATCH_END); }

void add_table(Writer& out, Family family, std::string_view table) {
  begin(out, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, family);
  out.text(NFTA_TABLE_NAME, table);
  out.u32(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
}

void delete_table(Writer& out, Family family, std::string_view table) {
  begin(out, NFT_MSG_DELTABLE, 0, family);
  out.text(NFTA_TABLE_NAME, table);
}

void add_set(Writer& out, Family family, std::string_view table, const Set& set) {
  begin(out, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, family);
  out.text(NFTA_SET_TABLE, table);
  out.text(NFTA_SET_NAME, set.name);
  out.u32(NFTA_SET_FLAGS, set.fades() ? NFT_SET_TIMEOUT : NFT_SET_INTERVAL);
  out.u32(NFTA_SET_KEY_TYPE, set.fades() ? type_ifname : key_type(set.key_length));
  out.u32(NFTA_SET_KEY_LEN, set.key_length);
  out.u32(NFTA_SET_ID, 1);
  if (set.fades()) out.u64(NFTA_SET_TIMEOUT, static_cast<std::uint64_t>(set.timeout.count()));
}

void delete_set(Writer& out, Family family, std::string_view table, std::string_view set) {
  begin(out, NFT_MSG_DELSET, 0, family);
  out.text(NFTA_SET_TABLE, table);
  out.text(NFTA_SET_NAME, set);
}

void add_elements(Writer& out, Family family, std::string_view table, const Set& set) {
  elements(out, NFT_MSG_NEWSETELEM, NLM_F_CREATE, family, table, set);
}

// An element's time starts when it is added and adding it again changes nothing, so it must go first.
void renew_elements(Writer& out, Family family, std::string_view table, const Set& set) {
  remove_elements(out, family, table, set);
  add_elements(out, family, table, set);
}

// What has faded already can't be deleted and would spoil the batch, so it is added before.
void remove_elements(Writer& out, Family family, std::string_view table, const Set& set) {
  if (set.elements.empty()) return;
  add_elements(out, family, table, set);
  elements(out, NFT_MSG_DELSETELEM, 0, family, table, set);
}

void add_chain(Writer& out, Family family, std::string_view table, const Chain& chain) {
  begin(out, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, family);
  out.text(NFTA_CHAIN_TABLE, table);
  out.text(NFTA_CHAIN_NAME, chain.name);
  if (!chain.hook) return;
  out.nest(NFTA_CHAIN_HOOK, [&] {
    out.u32(NFTA_HOOK_HOOKNUM, *chain.hook);
    out.u32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(chain.priority));
    if (!chain.device.empty()) out.text(NFTA_HOOK_DEV, chain.device);
  });
  out.text(NFTA_CHAIN_TYPE, "filter");
}

void delete_rules(Writer& out, Family family, std::string_view table, std::string_view chain) {
  begin(out, NFT_MSG_DELRULE, 0, family);
  out.text(NFTA_RULE_TABLE, table);
  out.text(NFTA_RULE_CHAIN, chain);
}

void add_rule(Writer& out, Family family, std::string_view table, std::string_view chain, const Rule& rule) {
  begin(out, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
  out.text(NFTA_RULE_TABLE, table);
  out.text(NFTA_RULE_CHAIN, chain);
  out.nest(NFTA_RULE_EXPRESSIONS, [&] {
    for (const auto& expression : rule.expressions) out.nest(NFTA_LIST_ELEM, [&] { encode(out, expression); });
  });
  out.put(NFTA_RULE_USERDATA, user_data(rule.comment));
}

void dump_tables(Writer& out) {
  const nfgenmsg head = {AF_UNSPEC, NFNETLINK_V0, 0};
  out.begin(message_type(NFT_MSG_GETTABLE), NLM_F_DUMP, bytes_of(head));
}

void dump_chains(Writer& out, Family family) { begin(out, NFT_MSG_GETCHAIN, NLM_F_DUMP, family); }

void dump_rules(Writer& out, Family family, std::string_view table) {
  begin(out, NFT_MSG_GETRULE, NLM_F_DUMP, family);
  out.text(NFTA_RULE_TABLE, table);
}

void dump_sets(Writer& out, Family family, std::string_view table) {
  begin(out, NFT_MSG_GETSET, NLM_F_DUMP, family);
  out.text(NFTA_SET_TABLE, table);
}

void dump_elements(Writer& out, Family family, std::string_view table, std::string_view set) {
  begin(out, NFT_MSG_GETSETELEM, NLM_F_DUMP, family);
  out.text(NFTA_SET_ELEM_LIST_TABLE, table);
  out.text(NFTA_SET_ELEM_LIST_SET, set);
}

Result<std::vector<Table>> decode_tables(View answer, std::string_view table) {
  std::vector<Table> tables;
  const auto done =
      for_each(answer, NFT_MSG_NEWTABLE, NFTA_TABLE_NAME, table, [&](const Message& m, View a) -> Result<> {
        const auto head = read_struct<nfgenmsg>(m.payload);
        if (!head) return fail(malformed("a table"));
        const std::uint32_t owner = find_u32(a, NFTA_TABLE_OWNER).value_or(0);
        tables.push_back({static_cast<Family>(head->nfgen_family), std::string(table), owner, {}, {}});
        return {};
      });
  if (!done) return fail(done.error());
  return tables;
}

Result<std::vector<Chain>> decode_chains(View answer, std::string_view table) {
  std::vector<Chain> chains;
  const auto done =
      for_each(answer, NFT_MSG_NEWCHAIN, NFTA_CHAIN_TABLE, table, [&](const Message&, View a) -> Result<> {
        const auto name = find_text(a, NFTA_CHAIN_NAME);
        const auto hook = find(a, NFTA_CHAIN_HOOK);
        if (name && !hook) {
          chains.push_back({*name, std::nullopt, 0, {}, {}});
          return {};
        }
        const auto number = hook ? find_u32(*hook, NFTA_HOOK_HOOKNUM) : std::nullopt;
        const auto priority = hook ? find_u32(*hook, NFTA_HOOK_PRIORITY) : std::nullopt;
        if (!name || !number || !priority) return fail(malformed("a chain"));
        chains.push_back({*name, *number, static_cast<std::int32_t>(*priority), device_in(*hook), {}});
        return {};
      });
  if (!done) return fail(done.error());
  return chains;
}

Result<> decode_rules(View answer, std::string_view table, std::vector<Chain>& chains) {
  return for_each(answer, NFT_MSG_NEWRULE, NFTA_RULE_TABLE, table, [&](const Message&, View a) -> Result<> {
    const auto name = find_text(a, NFTA_RULE_CHAIN);
    const auto chain = std::ranges::find_if(chains, [&](const Chain& c) { return c.name == name; });
    if (!name || chain == chains.end()) return fail(malformed("a rule"));
    auto rule = decode_rule(a);
    if (!rule) return fail(rule.error());
    chain->rules.push_back(std::move(*rule));
    return {};
  });
}

Result<std::vector<Set>> decode_sets(View answer, std::string_view table) {
  std::vector<Set> sets;
  const auto done = for_each(answer, NFT_MSG_NEWSET, NFTA_SET_TABLE, table, [&](const Message&, View a) -> Result<> {
    const auto name = find_text(a, NFTA_SET_NAME);
    const auto length = find_u32(a, NFTA_SET_KEY_LEN);
    const auto flags = find_u32(a, NFTA_SET_FLAGS).value_or(0);
    const auto timeout = find_u64(a, NFTA_SET_TIMEOUT).value_or(0);
    const bool known = timeout != 0 ? flags == NFT_SET_TIMEOUT && length == IFNAMSIZ : flags == NFT_SET_INTERVAL;
    if (!name || !length || !known) return fail(malformed("a set"));
    sets.push_back({*name, std::chrono::milliseconds(timeout), *length, {}});
    return {};
  });
  if (!done) return fail(done.error());
  return sets;
}

Result<std::vector<Element>> decode_elements(View answer, std::string_view set) {
  std::vector<Element> all;
  while (const auto next = next_message(answer)) {
    if (next->type != message_type(NFT_MSG_NEWSETELEM)) continue;
    const View attributes = attributes_behind(next->payload, sizeof(nfgenmsg));
    if (find_text(attributes, NFTA_SET_ELEM_LIST_SET) != set) continue;
    View list = find(attributes, NFTA_SET_ELEM_LIST_ELEMENTS).value_or(View{});
    while (const auto element = next_attribute(list)) {
      const auto key = find(element->value, NFTA_SET_ELEM_KEY);
      const auto bytes = key ? find(*key, NFTA_DATA_VALUE) : std::nullopt;
      if (!bytes) return fail(malformed("a set's element"));
      const auto flags = find_u32(element->value, NFTA_SET_ELEM_FLAGS).value_or(0);
      all.push_back({{bytes->begin(), bytes->end()}, (flags & NFT_SET_ELEM_INTERVAL_END) != 0});
    }
  }
  return all;
}

}  // namespace entropy::kernel::nft
