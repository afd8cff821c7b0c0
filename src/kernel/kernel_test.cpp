#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <tuple>

#include "kernel/delay_line.hpp"
#include "kernel/links.hpp"
#include "kernel/nfqueue.hpp"
#include "kernel/ruleset.hpp"
#include "kernel/tcp_connections.hpp"

namespace entropy::kernel {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Effect delayed(Duration delay, Duration jitter = 0ms, Distribution distribution = Distribution::uniform) {
  return {{{delay, jitter, 0, distribution}}, {}, 0, Cut::none};
}

Effect losing(double share) { return {{}, {}, share, Cut::none}; }

Effect everything(Cut cut) {
  Effect effect = delayed(10ms, 2ms);
  effect.reorders = {{0.25, 5ms, 0.5, 3}};
  effect.loss = 0.001;
  effect.cut = cut;
  effect.models = {GilbertElliott{0.01, 0.1, 0.2, 0.99}, Markov{0.01, 0.2, 0.1, 0.5, 0.001}};
  effect.duplicate = 0.02;
  effect.corrupt = 0.003;
  effect.rate = RateCap{8'000'000, 0, 24};
  return effect;
}

Match to_peers(std::vector<Prefix> peers) {
  Match match;
  match.peers = Addresses::of(peers);
  return match;
}

std::vector<Match> matches() {
  std::vector<Match> all = {
      to_peers({*parse_prefix("10.0.0.3")}), to_peers({*parse_prefix("fd00::/8")}),
      to_peers({*parse_prefix("10.0.0.0/24"), *parse_prefix("10.0.2.1"), *parse_prefix("fd00::1")})};
  Match ports;
  ports.ports = {{{80, 80}, {8000, 8010}}, {{80, 80}}};
  all.push_back(ports);
  ports.transport = Transport::udp;
  ports.interfaces = {"eth1"};
  ports.peers = without(Addresses{}, Addresses::of({*parse_prefix("10.0.0.3")}));
  all.push_back(ports);
  Match icmp;
  icmp.transport = Transport::icmp;
  icmp.interfaces = {"eth0", "eth1"};
  all.push_back(icmp);
  return all;
}

// A class for each match, each with another effect.
Traffic classes() {
  Traffic traffic;
  const std::vector<Effect> effects = {everything(Cut::none), everything(Cut::drop), everything(Cut::reject),
                                       delayed(1ms), Effect{{}, {}, 0.5, Cut::none}};
  for (const auto& match : matches()) {
    const std::size_t number = traffic.classes.size();
    traffic.classes.push_back({"class " + std::to_string(number), match, effects[number % effects.size()]});
  }
  return traffic;
}

std::vector<State> states() {
  std::vector<State> all;
  for (const Effect& effect : {delayed(1ms), everything(Cut::none), everything(Cut::drop), everything(Cut::reject),
                               Effect{{}, {}, 1, Cut::none}, Effect{{}, {}, 0, Cut::reject}}) {
    all.push_back({effect, {}});
    all.push_back({{}, effect});
    all.push_back({effect, effect});
  }
  all.push_back({classes(), classes()});
  all.push_back({delayed(1ms), {}, {{"policy/dns", {"*"}, {}, Denial::refused}}});
  return all;
}

Counters sum(const Tally& tally) {
  Counters all;
  for (const auto& [chain, counters] : tally) add(all, counters);
  return all;
}

Surroundings surroundings(bool native_queue = true, Holder holder = Holder::queues) {
  return {{"eth0", "eth1"}, 1, 1400, 7, 8, native_queue, true, holder, 0x4e540004, 9};
}

std::vector<Surroundings> all_surroundings() {
  Surroundings hookless = surroundings(false, Holder::qdiscs);
  hookless.egress_hook = false;
  return {surroundings(), surroundings(false), surroundings(false, Holder::qdiscs), hookless};
}

// A batch that makes tables speaks of them with the same messages as the kernel's answer to a dump.
Result<nft::Table> decode_one(View bytes, nft::Family family) {
  auto tables = nft::decode_tables(bytes, table_name);
  auto chains = nft::decode_chains(bytes, table_name);
  auto sets = nft::decode_sets(bytes, table_name);
  if (!tables) return fail(tables.error());
  if (!chains) return fail(chains.error());
  if (!sets) return fail(sets.error());
  if (auto rules = nft::decode_rules(bytes, table_name, *chains); !rules) return fail(rules.error());
  for (auto& set : *sets) {
    auto elements = nft::decode_elements(bytes, set.name);
    if (!elements) return fail(elements.error());
    set.elements = std::move(*elements);
  }
  return nft::Table{family, std::string(table_name), 0, std::move(*sets), std::move(*chains)};
}

Bytes batch_for(const std::vector<nft::Table>& tables) {
  Writer out;
  write_transition(out, {}, tables);
  return {out.bytes().begin(), out.bytes().end()};
}

TEST(Nft, EveryRuleReadsBackAsWritten) {
  for (const auto& around : all_surroundings()) {
    for (const State& state : states()) {
      for (const auto& table : tables_for(state, around)) {
        const auto decoded = decode_one(batch_for({table}), table.family);
        ASSERT_TRUE(decoded) << decoded.error().message;
        EXPECT_EQ(difference({*decoded}, {table}), std::nullopt);
      }
    }
  }
}

// What every decoder makes of bytes; only that it stays within them matters (AddressSanitizer watches).
void decode_all(View bytes) {
  const Bytes exact(bytes.begin(), bytes.end());
  std::ignore = decode_one(exact, nft::Family::ipv4);
  std::ignore = decode_links(exact);
  std::ignore = decode_tcp(exact);
  std::ignore = nft::describe(exact, 3);
  View rest = exact;
  while (const auto message = next_message(rest)) {
    std::ignore = decode_packet(*message);
    std::ignore = refusal_of(*message);
  }
}

TEST(Netlink, TruncatedBytesAreNeverReadBeyond) {
  const Bytes whole = batch_for(tables_for({everything(Cut::none), {}}, surroundings(false)));
  for (std::size_t length = 0; length < whole.size(); length += 3) decode_all(View(whole).first(length));
}

TEST(Netlink, HostileBytesAreNeverReadBeyond) {
  const Bytes whole = batch_for(tables_for({everything(Cut::none), {}}, surroundings()));
  Prng prng(42);
  for (int i = 0; i < 3000; ++i) {
    Bytes bad = whole;
    for (int j = 0; j < 8; ++j) {
      bad[static_cast<std::size_t>(prng.unit() * static_cast<double>(bad.size()))] =
          static_cast<std::uint8_t>(prng.unit() * 256);
    }
    decode_all(bad);
  }
}

TEST(Netlink, AttributesWithImpossibleLengthsEndTheList) {
  for (const std::uint16_t length : std::initializer_list<std::uint16_t>{0, 1, 3, 9, 0xffff}) {
    const nlattr head = {length, 1};
    Bytes bytes(8);
    std::ranges::copy(bytes_of(head), bytes.begin());
    View rest = bytes;
    EXPECT_FALSE(next_attribute(rest)) << length;
  }
}

TEST(Netlink, RefusalsCarryTheKernelsWords) {
  Writer out;
  const nlmsgerr head = {-EPERM, {0, 0, 0, 5, 0}};
  out.begin(NLMSG_ERROR, NLM_F_ACK_TLVS, bytes_of(head));
  out.text(NLMSGERR_ATTR_MSG, "not yours");
  View rest = out.bytes();
  const auto refusal = refusal_of(*next_message(rest));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->sequence, 5);
  EXPECT_EQ(refusal->error, EPERM);
  EXPECT_EQ(refusal->words, "not yours");
}

TEST(Nft, ARefusedMessageIsDescribed) {
  const Bytes batch = batch_for(tables_for({losing(0.5), {}}, surroundings()));
  std::string all;
  for (std::uint32_t sequence = 1; sequence < 20; ++sequence) all += nft::describe(batch, sequence) + "\n";
  EXPECT_THAT(all, HasSubstr("table netdev"));
  EXPECT_THAT(all, HasSubstr("rule \"lost\" in chain \"egress 0\" of netdev"));
}

TEST(Ruleset, TheStateReadsBackAsAsked) {
  for (const auto& around : all_surroundings()) {
    for (const State& state : states()) EXPECT_EQ(state_of(tables_for(state, around), state, around), state);
  }
  EXPECT_EQ(state_of({}, {}, surroundings()), State{});
}

// Or the rules could be read back as what they are not.
TEST(Ruleset, OtherMatchesMakeOtherRules) {
  const auto around = surroundings();
  std::vector<State> all;
  for (const auto& match : matches()) {
    all.push_back({Traffic({{"one", match, Effect{{}, {}, 0.5, Cut::none}}}), {}});
  }
  all.push_back({Effect{{}, {}, 0.5, Cut::none}, {}});
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      const bool same = !difference(tables_for(all[i], around), tables_for(all[j], around)).has_value();
      EXPECT_EQ(same, i == j) << i << " " << j;
    }
  }
}

TEST(Ruleset, PeersThatComeAndGoMakeANewSetInOneBatch) {
  const auto around = surroundings();
  const auto with = [&](std::vector<Prefix> peers) {
    return tables_for({Traffic({{"cut", to_peers(std::move(peers)), Effect{{}, {}, 0, Cut::drop}}}), {}}, around);
  };
  const auto before = with({*parse_prefix("10.0.0.3")});
  const auto after = with({*parse_prefix("10.0.0.3"), *parse_prefix("10.0.0.4")});
  Writer out;
  write_transition(out, before, after);
  const auto sets = nft::decode_sets(out.bytes(), table_name);
  ASSERT_TRUE(sets);
  ASSERT_EQ(sets->size(), 1U);
  EXPECT_THAT(*nft::decode_elements(out.bytes(), sets->front().name),
              ElementsAre(nft::Element{{10, 0, 0, 3}, false}, nft::Element{{10, 0, 0, 5}, true}));
  EXPECT_EQ(sum(counted_by_replaced(before, after)).matched, 0);
}

TEST(Ruleset, ForeignChangesAreNoticed) {
  const State state = {everything(Cut::drop), {}};
  const auto around = surroundings();
  auto tables = tables_for(state, around);
  tables.back().chains.back().rules.pop_back();
  EXPECT_FALSE(state_of(tables, state, around));
  EXPECT_THAT(*difference(tables, tables_for(state, around)), HasSubstr("chain \"egress of eth1\" of netdev differs"));
}

// The kernel lists the elements of a set in an order of its own, and this is done every second.
TEST(Ruleset, ManyScatteredPeersAreSoonCompared) {
  std::vector<Prefix> peers;
  for (unsigned i = 0; i < 20'000; ++i) {
    Prefix peer{false, {10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1}, 32};
    peers.push_back(peer);
  }
  const auto wanted = tables_for({Traffic({{"cut", to_peers(peers), delayed(1ms)}}), {}}, surroundings());
  auto kernel = wanted;
  for (auto& table : kernel) {
    for (auto& set : table.sets) std::ranges::reverse(set.elements);
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(difference(kernel, wanted), std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  kernel.back().sets.back().elements[7].key.back() ^= 4;
  EXPECT_NE(difference(kernel, wanted), std::nullopt);
}

TEST(Ruleset, WhatIsInEitherSetOfTheLivingIsAlive) {
  const State state = {everything(Cut::drop), {}};
  const auto wanted = tables_for(state, surroundings());
  auto faded = wanted;
  auto& sets = faded.front().sets;
  sets.at(0).elements.pop_back();
  EXPECT_FALSE(difference(faded, wanted));
  sets.at(1).elements.pop_back();
  EXPECT_THAT(*difference(faded, wanted), HasSubstr("the sets of the living of ip differ"));
  sets.at(0).elements = wanted.front().sets.at(0).elements;
  EXPECT_FALSE(difference(faded, wanted));
  sets.pop_back();
  EXPECT_TRUE(difference(faded, wanted));
}

TEST(Ruleset, QdiscsNeedNoCopies) {
  const auto around = surroundings(true, Holder::qdiscs);
  Effect effect = everything(Cut::none);
  effect.duplicate = 0;
  const auto tables = tables_for({effect, effect}, around);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables.front().family, nft::Family::netdev);
  EXPECT_EQ(tables.front().chains.size(), 6u);  // two of each interface, one of each direction's class
  const auto left = draining(tables);
  for (const auto& chain : left.front().chains) EXPECT_TRUE(chain.rules.empty());
}

TEST(Ruleset, WithoutEgressHookPostroutingClassifies) {
  Surroundings around = surroundings(false, Holder::qdiscs);
  around.egress_hook = false;
  for (const Effect& effect : {delayed(1ms), Effect{{}, {}, 0.5, Cut::none}, Effect{{}, {}, 0, Cut::drop}}) {
    const auto tables = tables_for({effect, {}}, around);
    ASSERT_EQ(tables.size(), 2u);  // of IPv4 and IPv6, none of family netdev
    for (const auto& table : tables) {
      ASSERT_EQ(table.chains.size(), 2u);  // of the hook, and of the class
      const nft::Rule& last = table.chains.front().rules.back();
      EXPECT_THAT(last.expressions, ::testing::Contains(nft::Expression(nft::StoreMeta{NFT_META_PRIORITY})));
    }
  }
}

TEST(Ruleset, ChainsAreNeverRemovedAndOriginalsStillDisappear) {
  const auto around = surroundings();
  const auto before = tables_for({everything(Cut::drop), {}}, around);
  const auto left = draining(before);
  EXPECT_EQ(left.size(), before.size());
  for (std::size_t i = 0; i < left.size(); ++i) EXPECT_EQ(left[i].chains.size(), before[i].chains.size());
  for (const auto& chain : left.back().chains) EXPECT_EQ(chain.rules.size(), chain.device.empty() ? 0 : 1);
  EXPECT_EQ(difference(left, {}), std::nullopt);
  EXPECT_THAT(*difference(before, {}), HasSubstr("still has rules"));
}

TEST(Ruleset, CountersOfReplacedRulesAreKept) {
  const auto around = surroundings();
  auto kernel = tables_for({losing(0.5), {}}, around);
  for (auto& chain : kernel.front().chains) {
    for (auto& rule : chain.rules) {
      for (auto& expression : rule.expressions) {
        if (auto* counter = std::get_if<nft::Counter>(&expression)) counter->packets = 10;
      }
    }
  }
  EXPECT_EQ(sum(counted(kernel)).dropped, 10);
  EXPECT_EQ(sum(counted(kernel)).matched, 10);
  EXPECT_EQ(sum(counted_by_replaced(kernel, kernel)).dropped, 0);
  EXPECT_EQ(sum(counted_by_replaced(kernel, tables_for({losing(0.4), {}}, around))).dropped, 10);
}

TEST(Ruleset, LossIsAskedInStepsThatTheKernelCanDo) {
  const State state = canonical({losing(1 - 0.9 * 0.8), losing(7)});
  EXPECT_EQ(state.egress.classes[0].effect.loss, 0.28);
  EXPECT_EQ(state.ingress.classes[0].effect.loss, 1);
  EXPECT_TRUE(canonical({losing(1e-12), {}}).empty());
}

TEST(Queue, PacketsAreReadWithTheirMark) {
  Writer out;
  const nfgenmsg head = {AF_INET, NFNETLINK_V0, htons(7)};
  const nfqnl_msg_packet_hdr packet = {htonl(99), htons(0x0800), 4};
  out.begin(NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET, 0, bytes_of(head));
  out.put(NFQA_PACKET_HDR, bytes_of(packet));
  out.u32(NFQA_MARK, copy_mark | 5);
  View rest = out.bytes();
  const auto decoded = decode_packet(*next_message(rest));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->queue, 7);
  EXPECT_EQ(decoded->id, 99);
  EXPECT_EQ(decoded->mark, copy_mark | 5);
}

}  // namespace
}  // namespace entropy::kernel
