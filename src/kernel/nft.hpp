// What Entropy puts into nf_tables, as values; their netlink form, both ways, without a socket.
//
// Source: include/uapi/linux/netfilter/nf_tables.h. Decoding knows what encoding writes and nothing more: any other
// rule is an error, as it is not one of ours. Registers are the four of 16 bytes (NFT_REG_1..4).
#pragma once

#include <netinet/in.h>  // before the kernel headers, which else define the same things

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "kernel/netlink.hpp"

namespace entropy::kernel::nft {

enum class Family : std::uint8_t { ipv4 = NFPROTO_IPV4, ipv6 = NFPROTO_IPV6, netdev = NFPROTO_NETDEV };
std::string_view to_string(Family family);  // as nft(8) names it

struct LoadMeta {
  std::uint32_t key = 0;  // NFT_META_...
  std::uint32_t into = NFT_REG_1;
  bool operator==(const LoadMeta&) const = default;
};
struct StoreMeta {
  std::uint32_t key = 0;
  std::uint32_t from = NFT_REG_1;
  bool operator==(const StoreMeta&) const = default;
};
struct LoadPayload {
  std::uint32_t base = 0;  // NFT_PAYLOAD_..._HEADER
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t into = NFT_REG_1;
  bool operator==(const LoadPayload&) const = default;
};
struct LoadImmediate {
  Bytes value;
  std::uint32_t into = NFT_REG_1;
  bool operator==(const LoadImmediate&) const = default;
};
// Register 1 against a constant, byte by byte; the rule ends where it does not hold.
struct Compare {
  std::uint32_t operation = NFT_CMP_EQ;
  Bytes value;
  bool operator==(const Compare&) const = default;
};
// Register 1 becomes (register 1 & mask) ^ flip.
struct Mask {
  Bytes mask;
  Bytes flip;
  bool operator==(const Mask&) const = default;
};
// A random number below the modulus in register 1, big-endian so that Compare orders it.
struct Random {
  std::uint32_t modulus = 0;
  bool operator==(const Random&) const = default;
};
// The four bytes of register 1 to big-endian.
struct ToBigEndian {
  bool operator==(const ToBigEndian&) const = default;
};
// Register 1 is (or with `absent` is not) an element of the set.
struct Lookup {
  std::string set;
  bool absent = false;
  bool operator==(const Lookup&) const = default;
};
// Where the destination address leads (RTN_...), in register 1.
struct LoadDestinationType {
  bool operator==(const LoadDestinationType&) const = default;
};
// What it has counted is no part of its identity.
struct Counter {
  std::uint64_t packets = 0;
  bool operator==(const Counter&) const { return true; }
};
struct Verdict {
  std::uint32_t code = NF_ACCEPT;
  bool operator==(const Verdict&) const = default;
};
// Goes on in another chain of the table and does not come back.
struct Goto {
  std::string chain;
  bool operator==(const Goto&) const = default;
};
// Sends a copy towards the address in one register by the device whose index is in the other (0: by whichever the route
// says).
struct Duplicate {
  std::uint32_t address = NFT_REG_2;
  std::uint32_t device = NFT_REG_3;
  bool operator==(const Duplicate&) const = default;
};
// Takes the packet away, out by the device whose index is in register 1.
struct Forward {
  bool operator==(const Forward&) const = default;
};
// Hands the packet to a user-space queue; it passes when nobody listens there.
struct Queue {
  std::uint16_t number = 0;
  bool operator==(const Queue&) const = default;
};
// The same by the `NFQUEUE` target of x_tables, for kernels without the queue expression.
struct CompatQueue {
  std::uint16_t number = 0;
  bool operator==(const CompatQueue&) const = default;
};
struct Reject {
  std::uint32_t type = NFT_REJECT_TCP_RST;
  std::uint8_t icmp_code = 0;
  bool operator==(const Reject&) const = default;
};

using Expression =
    std::variant<LoadMeta, StoreMeta, LoadPayload, LoadImmediate, Compare, Mask, Random, ToBigEndian, Lookup,
                 LoadDestinationType, Counter, Verdict, Goto, Duplicate, Forward, Queue, CompatQueue, Reject>;

struct Rule {
  std::string comment;  // kept in the kernel with the rule; says what it is for
  std::vector<Expression> expressions;
  bool operator==(const Rule&) const = default;
};

// A base chain of type filter, or without a hook one that rules go to. `device` only in family netdev.
struct Chain {
  std::string name;
  std::optional<std::uint32_t> hook;  // NF_INET_... or NF_NETDEV_...
  std::int32_t priority = 0;
  std::string device;
  std::vector<Rule> rules;
  bool operator==(const Chain&) const = default;
};

// Keys of one length: interface names whose elements fade, or with no timeout ranges of numbers, each from one element
// to one with `end` that is no part of it. Those stand in order, big-endian.
struct Element {
  Bytes key;
  bool end = false;
  bool operator==(const Element&) const = default;
};
struct Set {
  std::string name;
  std::chrono::milliseconds timeout{0};
  std::uint32_t key_length = 0;
  std::vector<Element> elements;
  bool operator==(const Set&) const = default;
  bool fades() const { return timeout.count() != 0; }
};

// The key of an interface's name.
Bytes interface_key(std::string_view name);

struct Table {
  Family family = Family::ipv4;
  std::string name;
  std::uint32_t owner = 0;  // netlink port; told by the kernel, not asked for
  std::vector<Set> sets;
  std::vector<Chain> chains;
};

// Messages. Every change goes into one batch: begin_batch, changes, end_batch; all of it happens or nothing. A batch
// without an end is a rehearsal: the kernel checks it, says what it would refuse, and changes nothing.
void begin_batch(Writer& out);
void end_batch(Writer& out);
void add_table(Writer& out, Family family, std::string_view table);  // owned by the sending socket; not if it is there
void delete_table(Writer& out, Family family, std::string_view table);
void add_set(Writer& out, Family family, std::string_view table, const Set& set);           // without its elements
void add_elements(Writer& out, Family family, std::string_view table, const Set& set);      // what is there stays
void delete_set(Writer& out, Family family, std::string_view table, std::string_view set);  // that no rule uses
// Gives every element its full time again, or takes it out, whether or not it has faded.
void renew_elements(Writer& out, Family family, std::string_view table, const Set& set);
void remove_elements(Writer& out, Family family, std::string_view table, const Set& set);
void add_chain(Writer& out, Family family, std::string_view table, const Chain& chain);  // without its rules
void delete_rules(Writer& out, Family family, std::string_view table, std::string_view chain);
void add_rule(Writer& out, Family family, std::string_view table, std::string_view chain, const Rule& rule);

// What one message of a batch would have done ("rule \"lost\" in chain \"egress eth0\" of netdev"), for errors.
std::string describe(View batch, std::uint32_t sequence);

// Dump requests, and what is in their answers about the tables of one name.
void dump_tables(Writer& out);
void dump_chains(Writer& out, Family family);
void dump_rules(Writer& out, Family family, std::string_view table);
void dump_sets(Writer& out, Family family, std::string_view table);
void dump_elements(Writer& out, Family family, std::string_view table, std::string_view set);
Result<std::vector<Table>> decode_tables(View answer, std::string_view table);
Result<std::vector<Chain>> decode_chains(View answer, std::string_view table);
// Puts each rule into its chain.
Result<> decode_rules(View answer, std::string_view table, std::vector<Chain>& chains);
Result<std::vector<Set>> decode_sets(View answer, std::string_view table);
Result<std::vector<Element>> decode_elements(View answer, std::string_view set);

// One expression as the body of a list element, and back.
void encode(Writer& out, const Expression& expression);
Result<Expression> decode_expression(View element);

}  // namespace entropy::kernel::nft
