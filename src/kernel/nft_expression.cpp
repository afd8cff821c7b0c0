// Expressions <-> netlink attributes.
#include <arpa/inet.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>

#include <array>
#include <optional>

#include "base/text.hpp"
#include "kernel/nft.hpp"

namespace entropy::kernel::nft {
namespace {

using Decoded = std::optional<Expression>;

constexpr std::uint32_t word = 4;  // bytes of the registers that Random and ToBigEndian work on
constexpr std::string_view target_name = "NFQUEUE";
constexpr std::uint32_t target_revision = 3;

// What the kernel expects of a target's data: the struct, padded to the alignment of x_tables.
using TargetData = std::array<std::uint8_t, XT_ALIGN(sizeof(xt_NFQ_info_v3))>;

void value(Writer& out, std::uint16_t type, View bytes) {
  out.nest(type, [&] { out.put(NFTA_DATA_VALUE, bytes); });
}

std::optional<Bytes> find_value(View data, std::uint16_t type) {
  const auto nest = find(data, type);
  const auto bytes = nest ? find(*nest, NFTA_DATA_VALUE) : std::nullopt;
  if (!bytes) return std::nullopt;
  return Bytes(bytes->begin(), bytes->end());
}

bool is(View data, std::uint16_t type, std::uint32_t wanted) { return find_u32(data, type) == wanted; }

// --- one overload each of `name` and `body`, and one decoder a name of the kernel's

std::string_view name(const LoadMeta&) { return "meta"; }
void body(Writer& out, const LoadMeta& e) {
  out.u32(NFTA_META_DREG, e.into);
  out.u32(NFTA_META_KEY, e.key);
}
std::string_view name(const StoreMeta&) { return "meta"; }
void body(Writer& out, const StoreMeta& e) {
  out.u32(NFTA_META_KEY, e.key);
  out.u32(NFTA_META_SREG, e.from);
}
Decoded decode_meta(View data) {
  const auto key = find_u32(data, NFTA_META_KEY);
  const auto into = find_u32(data, NFTA_META_DREG);
  const auto from = find_u32(data, NFTA_META_SREG);
  if (!key || into.has_value() == from.has_value()) return std::nullopt;
  return into ? Expression(LoadMeta{*key, *into}) : Expression(StoreMeta{*key, *from});
}

std::string_view name(const LoadPayload&) { return "payload"; }
void body(Writer& out, const LoadPayload& e) {
  out.u32(NFTA_PAYLOAD_DREG, e.into);
  out.u32(NFTA_PAYLOAD_BASE, e.base);
  out.u32(NFTA_PAYLOAD_OFFSET, e.offset);
  out.u32(NFTA_PAYLOAD_LEN, e.length);
}
Decoded decode_payload(View data) {
  const auto base = find_u32(data, NFTA_PAYLOAD_BASE);
  const auto offset = find_u32(data, NFTA_PAYLOAD_OFFSET);
  const auto length = find_u32(data, NFTA_PAYLOAD_LEN);
  const auto into = find_u32(data, NFTA_PAYLOAD_DREG);
  if (!base || !offset || !length || !into) return std::nullopt;
  return LoadPayload{*base, *offset, *length, *into};
}

std::string_view name(const LoadImmediate&) { return "immediate"; }
void body(Writer& out, const LoadImmediate& e) {
  out.u32(NFTA_IMMEDIATE_DREG, e.into);
  value(out, NFTA_IMMEDIATE_DATA, e.value);
}
std::string_view name(const Verdict&) { return "immediate"; }
void body(Writer& out, const Verdict& e) {
  out.u32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  out.nest(NFTA_IMMEDIATE_DATA, [&] { out.nest(NFTA_DATA_VERDICT, [&] { out.u32(NFTA_VERDICT_CODE, e.code); }); });
}
std::string_view name(const Goto&) { return "immediate"; }
void body(Writer& out, const Goto& e) {
  out.u32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  out.nest(NFTA_IMMEDIATE_DATA, [&] {
    out.nest(NFTA_DATA_VERDICT, [&] {
      out.u32(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(NFT_GOTO));
      out.text(NFTA_VERDICT_CHAIN, e.chain);
    });
  });
}
Decoded decode_immediate(View data) {
  const auto into = find_u32(data, NFTA_IMMEDIATE_DREG);
  if (!into) return std::nullopt;
  if (auto bytes = find_value(data, NFTA_IMMEDIATE_DATA)) return LoadImmediate{std::move(*bytes), *into};
  const auto nest = find(data, NFTA_IMMEDIATE_DATA);
  const auto verdict = nest ? find(*nest, NFTA_DATA_VERDICT) : std::nullopt;
  const auto code = verdict ? find_u32(*verdict, NFTA_VERDICT_CODE) : std::nullopt;
  if (!code || *into != NFT_REG_VERDICT) return std::nullopt;
  if (*code != static_cast<std::uint32_t>(NFT_GOTO)) return Verdict{*code};
  auto chain = find_text(*verdict, NFTA_VERDICT_CHAIN);
  return chain ? Decoded(Goto{std::move(*chain)}) : std::nullopt;
}

std::string_view name(const Compare&) { return "cmp"; }
void body(Writer& out, const Compare& e) {
  out.u32(NFTA_CMP_SREG, NFT_REG_1);
  out.u32(NFTA_CMP_OP, e.operation);
  value(out, NFTA_CMP_DATA, e.value);
}
Decoded decode_compare(View data) {
  const auto operation = find_u32(data, NFTA_CMP_OP);
  auto bytes = find_value(data, NFTA_CMP_DATA);
  if (!operation || !bytes || !is(data, NFTA_CMP_SREG, NFT_REG_1)) return std::nullopt;
  return Compare{*operation, std::move(*bytes)};
}

std::string_view name(const Mask&) { return "bitwise"; }
void body(Writer& out, const Mask& e) {
  out.u32(NFTA_BITWISE_SREG, NFT_REG_1);
  out.u32(NFTA_BITWISE_DREG, NFT_REG_1);
  out.u32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(e.mask.size()));
  value(out, NFTA_BITWISE_MASK, e.mask);
  value(out, NFTA_BITWISE_XOR, e.flip);
}
Decoded decode_mask(View data) {
  auto mask = find_value(data, NFTA_BITWISE_MASK);
  auto flip = find_value(data, NFTA_BITWISE_XOR);
  if (!mask || !flip || !is(data, NFTA_BITWISE_SREG, NFT_REG_1) || !is(data, NFTA_BITWISE_DREG, NFT_REG_1)) {
    return std::nullopt;
  }
  return Mask{std::move(*mask), std::move(*flip)};
}

std::string_view name(const Random&) { return "numgen"; }
void body(Writer& out, const Random& e) {
  out.u32(NFTA_NG_DREG, NFT_REG_1);
  out.u32(NFTA_NG_MODULUS, e.modulus);
  out.u32(NFTA_NG_TYPE, NFT_NG_RANDOM);
}
Decoded decode_random(View data) {
  const auto modulus = find_u32(data, NFTA_NG_MODULUS);
  const bool plain = is(data, NFTA_NG_DREG, NFT_REG_1) && is(data, NFTA_NG_TYPE, NFT_NG_RANDOM) &&
                     find_u32(data, NFTA_NG_OFFSET).value_or(0) == 0;
  if (!modulus || !plain) return std::nullopt;
  return Random{*modulus};
}

std::string_view name(const ToBigEndian&) { return "byteorder"; }
void body(Writer& out, const ToBigEndian&) {
  out.u32(NFTA_BYTEORDER_SREG, NFT_REG_1);
  out.u32(NFTA_BYTEORDER_DREG, NFT_REG_1);
  out.u32(NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
  out.u32(NFTA_BYTEORDER_LEN, word);
  out.u32(NFTA_BYTEORDER_SIZE, word);
}
Decoded decode_byteorder(View data) {
  const bool ours = is(data, NFTA_BYTEORDER_SREG, NFT_REG_1) && is(data, NFTA_BYTEORDER_DREG, NFT_REG_1) &&
                    is(data, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON) && is(data, NFTA_BYTEORDER_LEN, word) &&
                    is(data, NFTA_BYTEORDER_SIZE, word);
  return ours ? Decoded(ToBigEndian{}) : std::nullopt;
}

std::string_view name(const Lookup&) { return "lookup"; }
void body(Writer& out, const Lookup& e) {
  out.text(NFTA_LOOKUP_SET, e.set);
  out.u32(NFTA_LOOKUP_SREG, NFT_REG_1);
  out.u32(NFTA_LOOKUP_FLAGS, e.absent ? NFT_LOOKUP_F_INV : 0);
}
Decoded decode_lookup(View data) {
  auto set = find_text(data, NFTA_LOOKUP_SET);
  const std::uint32_t flags = find_u32(data, NFTA_LOOKUP_FLAGS).value_or(0);
  if (!set || !is(data, NFTA_LOOKUP_SREG, NFT_REG_1) || (flags & ~std::uint32_t{NFT_LOOKUP_F_INV})) {
    return std::nullopt;
  }
  return Lookup{std::move(*set), flags != 0};
}

std::string_view name(const LoadDestinationType&) { return "fib"; }
void body(Writer& out, const LoadDestinationType&) {
  out.u32(NFTA_FIB_DREG, NFT_REG_1);
  out.u32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
  out.u32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
}
Decoded decode_fib(View data) {
  const bool ours = is(data, NFTA_FIB_DREG, NFT_REG_1) && is(data, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE) &&
                    is(data, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  return ours ? Decoded(LoadDestinationType{}) : std::nullopt;
}

std::string_view name(const Counter&) { return "counter"; }
void body(Writer& out, const Counter& e) {
  out.u64(NFTA_COUNTER_PACKETS, e.packets);
  out.u64(NFTA_COUNTER_BYTES, 0);
}
Decoded decode_counter(View data) {
  const auto packets = find_u64(data, NFTA_COUNTER_PACKETS);
  return packets ? Decoded(Counter{*packets}) : std::nullopt;
}

std::string_view name(const Duplicate&) { return "dup"; }
void body(Writer& out, const Duplicate& e) {
  out.u32(NFTA_DUP_SREG_ADDR, e.address);
  if (e.device != 0) out.u32(NFTA_DUP_SREG_DEV, e.device);
}
Decoded decode_duplicate(View data) {
  const auto address = find_u32(data, NFTA_DUP_SREG_ADDR);
  const auto device = find_u32(data, NFTA_DUP_SREG_DEV).value_or(0);
  return address ? Decoded(Duplicate{*address, device}) : std::nullopt;
}

std::string_view name(const Forward&) { return "fwd"; }
void body(Writer& out, const Forward&) { out.u32(NFTA_FWD_SREG_DEV, NFT_REG_1); }
Decoded decode_forward(View data) { return is(data, NFTA_FWD_SREG_DEV, NFT_REG_1) ? Decoded(Forward{}) : std::nullopt; }

std::string_view name(const Queue&) { return "queue"; }
void put_u16(Writer& out, std::uint16_t type, std::uint16_t number) {
  const std::uint16_t big_endian = htons(number);
  out.put(type, bytes_of(big_endian));
}
std::optional<std::uint16_t> find_u16(View data, std::uint16_t type) {
  const auto bytes = find(data, type);
  if (!bytes || bytes->size() != sizeof(std::uint16_t)) return std::nullopt;
  return ntohs(*read_struct<std::uint16_t>(*bytes));
}
void body(Writer& out, const Queue& e) {
  put_u16(out, NFTA_QUEUE_NUM, e.number);
  put_u16(out, NFTA_QUEUE_TOTAL, 1);
  put_u16(out, NFTA_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
}
Decoded decode_queue(View data) {
  const auto number = find_u16(data, NFTA_QUEUE_NUM);
  const bool ours = find_u16(data, NFTA_QUEUE_TOTAL) == 1 && find_u16(data, NFTA_QUEUE_FLAGS) == NFT_QUEUE_FLAG_BYPASS;
  return number && ours ? Decoded(Queue{*number}) : std::nullopt;
}

std::string_view name(const CompatQueue&) { return "target"; }
void body(Writer& out, const CompatQueue& e) {
  const xt_NFQ_info_v3 info = {e.number, 1, NFQ_FLAG_BYPASS};
  TargetData data = {};
  std::ranges::copy(bytes_of(info), data.begin());
  out.text(NFTA_TARGET_NAME, target_name);
  out.u32(NFTA_TARGET_REV, target_revision);
  out.put(NFTA_TARGET_INFO, data);
}
Decoded decode_target(View data) {
  const auto bytes = find(data, NFTA_TARGET_INFO);
  const auto info = bytes ? read_struct<xt_NFQ_info_v3>(*bytes) : std::nullopt;
  const bool ours = find_text(data, NFTA_TARGET_NAME) == target_name && is(data, NFTA_TARGET_REV, target_revision);
  if (!info || !ours || info->queues_total != 1 || info->flags != NFQ_FLAG_BYPASS) return std::nullopt;
  return CompatQueue{info->queuenum};
}

std::string_view name(const Reject&) { return "reject"; }
void body(Writer& out, const Reject& e) {
  out.u32(NFTA_REJECT_TYPE, e.type);
  if (e.type == NFT_REJECT_ICMP_UNREACH) out.put(NFTA_REJECT_ICMP_CODE, bytes_of(e.icmp_code));
}
Decoded decode_reject(View data) {
  const auto type = find_u32(data, NFTA_REJECT_TYPE);
  const auto code = find(data, NFTA_REJECT_ICMP_CODE);
  if (!type || (*type == NFT_REJECT_ICMP_UNREACH) != (code && code->size() == 1)) return std::nullopt;
  return Reject{*type, *type == NFT_REJECT_ICMP_UNREACH ? code->front() : std::uint8_t{0}};
}

struct Decoder {
  std::string_view name;
  Decoded (*decode)(View data);
};
constexpr Decoder decoders[] = {
    {"meta", decode_meta},    {"payload", decode_payload}, {"immediate", decode_immediate}, {"cmp", decode_compare},
    {"bitwise", decode_mask}, {"numgen", decode_random},   {"byteorder", decode_byteorder}, {"lookup", decode_lookup},
    {"fib", decode_fib},      {"counter", decode_counter}, {"dup", decode_duplicate},       {"fwd", decode_forward},
    {"queue", decode_queue},  {"target", decode_target},   {"reject", decode_reject},
};

}  // namespace

void encode(Writer& out, const Expression& expression) {
  std::visit(
      [&](const auto& e) {
        out.text(NFTA_EXPR_NAME, name(e));
        out.nest(NFTA_EXPR_DATA, [&] { body(out, e); });
      },
      expression);
}

Result<Expression> decode_expression(View element) {
  const std::string kind = find_text(element, NFTA_EXPR_NAME).value_or("");
  const View data = find(element, NFTA_EXPR_DATA).value_or(View{});
  for (const auto& decoder : decoders) {
    if (decoder.name != kind) continue;
    if (auto expression = decoder.decode(data)) return std::move(*expression);
  }
  return fail(ErrorCode::protocol, concat("a rule with an expression ", quoted(kind), " that Entropy does not write"));
}

}  // namespace entropy::kernel::nft
