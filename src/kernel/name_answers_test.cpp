#include "kernel/name_answers.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>

#include "base/text.hpp"
#include "kernel/dns_message.hpp"

namespace entropy::kernel {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

void put(Bytes& out, std::size_t number) {
  out.push_back(static_cast<std::uint8_t>(number >> 8));
  out.push_back(static_cast<std::uint8_t>(number));
}

Bytes name_of(std::string_view text) {
  Bytes name;
  if (!text.empty()) {
    for (const auto label : split(text, '.')) {
      name.push_back(static_cast<std::uint8_t>(label.size()));
      name.insert(name.end(), label.begin(), label.end());
    }
  }
  name.push_back(0);
  return name;
}

void append(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

Bytes record(const Bytes& owner, std::uint16_t type, const Bytes& data) {
  Bytes bytes = owner;
  put(bytes, type);
  put(bytes, 1);
  bytes.insert(bytes.end(), {0, 0, 1, 0});
  put(bytes, data.size());
  append(bytes, data);
  return bytes;
}

const Bytes the_name = {0xc0, 12};
const Bytes truth = record(the_name, dns::a, {10, 0, 0, 3});
const Bytes options = record({0}, 41, {});
const Bytes authority = record(the_name, 6, Bytes(40, 7));

// An answer with these records; the last may be an OPT record.
Bytes message(std::string_view name, std::uint16_t type, const std::vector<Bytes>& answers,
              const std::vector<Bytes>& additional = {}, std::uint8_t code = 0) {
  Bytes bytes = {0xab, 0xcd, 0x85, static_cast<std::uint8_t>(0xa0 | code)};
  for (const std::size_t count : {std::size_t{1}, answers.size(), std::size_t{0}, additional.size()}) put(bytes, count);
  append(bytes, name_of(name));
  put(bytes, type);
  put(bytes, 1);
  for (const auto& each : answers) append(bytes, each);
  for (const auto& each : additional) append(bytes, each);
  return bytes;
}

std::uint32_t sum(View bytes, std::uint32_t from = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) from += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (from >> 16 != 0) from = (from & 0xffff) + (from >> 16);
  return from;
}

// Whether lengths and checksums are those of what is in it.
bool is_sound(View packet) {
  const bool ipv6 = packet[0] >> 4 == 6;
  const std::size_t header = ipv6 ? 40 : 20;
  const std::uint8_t protocol = packet[ipv6 ? 6 : 9];
  const auto length = static_cast<std::size_t>(packet[ipv6 ? 4 : 2] << 8 | packet[ipv6 ? 5 : 3]);
  if (length != packet.size() - (ipv6 ? header : 0)) return false;
  if (!ipv6 && sum(packet.first(header)) != 0xffff) return false;
  const View transport = packet.subspan(header);
  if (protocol == IPPROTO_UDP && static_cast<std::size_t>(transport[4] << 8 | transport[5]) != transport.size()) {
    return false;
  }
  const std::uint32_t addresses = sum(ipv6 ? packet.subspan(8, 32) : packet.subspan(12, 8));
  return sum(transport, addresses + protocol + static_cast<std::uint32_t>(transport.size())) == 0xffff;
}

// Checksums are left to whoever changes it.
Bytes packet(std::uint8_t protocol, const Bytes& payload, bool ipv6 = false) {
  const std::size_t transport = protocol == IPPROTO_UDP ? 8 : 20;
  Bytes bytes(ipv6 ? 40 : 20, 1);
  bytes[0] = ipv6 ? 0x60 : 0x45;
  bytes[ipv6 ? 6 : 9] = protocol;
  const std::size_t length = transport + payload.size() + (ipv6 ? 0 : 20);
  bytes[ipv6 ? 4 : 2] = static_cast<std::uint8_t>(length >> 8);
  bytes[ipv6 ? 5 : 3] = static_cast<std::uint8_t>(length);
  Bytes head(transport, 0);
  head[1] = 53;
  if (protocol == IPPROTO_UDP) {
    head[4] = static_cast<std::uint8_t>((transport + payload.size()) >> 8);
    head[5] = static_cast<std::uint8_t>(transport + payload.size());
  } else {
    head[12] = 5 << 4;
  }
  append(bytes, head);
  append(bytes, payload);
  return bytes;
}

Bytes over_udp(const Bytes& message, bool ipv6 = false) { return packet(IPPROTO_UDP, message, ipv6); }
Bytes over_tcp(const std::vector<Bytes>& messages) {
  Bytes stream;
  for (const auto& each : messages) {
    put(stream, each.size());
    append(stream, each);
  }
  return packet(IPPROTO_TCP, stream);
}
Bytes payload_of(const Bytes& bytes) {
  const std::size_t ip = bytes[0] >> 4 == 6 ? 40 : 20;
  const bool udp = bytes[ip == 40 ? 6 : 9] == IPPROTO_UDP;
  return {bytes.begin() + static_cast<std::ptrdiff_t>(ip + (udp ? 8 : 20)), bytes.end()};
}

const Prefix elsewhere = *parse_prefix("192.0.2.9");
const Prefix elsewhere6 = *parse_prefix("2001:db8::9");

NameFault fault(std::vector<std::string> names, std::optional<Hearsay> answer, Duration delay = {}) {
  return {"policy/dns", std::move(names), delay, std::move(answer)};
}

Fate judged(const Bytes& bytes, const std::vector<NameFault>& faults) {
  Tally tally;
  return judge(bytes, faults, tally);
}

// The answer that is heard over UDP.
Bytes heard(const Bytes& said, Hearsay hearsay) {
  const auto fate = judged(over_udp(said), {fault({"db"}, hearsay)});
  EXPECT_TRUE(fate.changed);
  if (!fate.changed) return {};
  EXPECT_TRUE(is_sound(*fate.changed));
  return payload_of(*fate.changed);
}

// Flags and counts as the answer has them, 0x8180: recursion was asked for and given, no authority, no error.
Bytes begin(std::string_view name, std::uint16_t type, std::uint16_t flags, std::size_t answers, std::size_t more) {
  Bytes bytes = {0xab, 0xcd};
  put(bytes, flags);
  for (const std::size_t count : {std::size_t{1}, answers, std::size_t{0}, more}) put(bytes, count);
  append(bytes, name_of(name));
  put(bytes, type);
  put(bytes, 1);
  return bytes;
}

TEST(Names, FitPatterns) {
  EXPECT_TRUE(dns::fits("db", "db"));
  EXPECT_FALSE(dns::fits("db.example.com", "db"));
  EXPECT_TRUE(dns::fits("a.example.com", "*.example.com"));
  EXPECT_TRUE(dns::fits("a.b.example.com", "*.example.com"));
  EXPECT_FALSE(dns::fits("example.com", "*.example.com"));
  EXPECT_FALSE(dns::fits("badexample.com", "*.example.com"));
  EXPECT_TRUE(dns::fits("", "*"));
}

TEST(Names, ADenialSaysNothingElse) {
  for (const auto& [denial, code] : {std::pair{Denial::nxdomain, 3}, {Denial::servfail, 2}, {Denial::refused, 5}}) {
    const auto said = heard(message("Db", dns::a, {truth}), denial);
    EXPECT_EQ(said, begin("Db", dns::a, static_cast<std::uint16_t>(0x8180 | code), 0, 0));
  }
}

TEST(Names, AnAddressIsSaidForItsVersionAlone) {
  auto expected = begin("db", dns::a, 0x8180, 1, 0);
  append(expected, {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 9});
  EXPECT_EQ(heard(message("db", dns::a, {truth}), elsewhere), expected);
  EXPECT_EQ(heard(message("db", dns::a, {}, {}, 3), elsewhere), expected);
  EXPECT_EQ(heard(message("db", dns::aaaa, {}), elsewhere), begin("db", dns::aaaa, 0x8180, 0, 0));
  EXPECT_EQ(heard(message("db", dns::a, {truth}), elsewhere6), begin("db", dns::a, 0x8180, 0, 0));
  EXPECT_EQ(heard(message("db", dns::https, {authority}), elsewhere), begin("db", dns::https, 0x8180, 0, 0));
  EXPECT_EQ(heard(message("db", dns::aaaa, {}), elsewhere6).size(), begin("db", dns::aaaa, 0, 0, 0).size() + 28);
}

TEST(Names, OptionsStay) {
  auto expected = begin("db", dns::a, 0x8183, 0, 1);
  append(expected, record({0}, 41, {}));
  expected[expected.size() - 6] = 0;
  EXPECT_EQ(heard(message("db", dns::a, {truth, authority}, {options}), Denial::nxdomain), expected);
}

TEST(Names, OthersAreLeftAlone) {
  const std::vector all = {fault({"db", "*.example.com"}, Denial::nxdomain, 1s)};
  for (const auto& said : {message("web", dns::a, {truth}), message("example.com", dns::a, {truth})}) {
    const auto fate = judged(over_udp(said), all);
    EXPECT_FALSE(fate.changed || fate.dropped || fate.delay != 0s);
  }
  auto query = message("db", dns::a, {});
  query[2] = 0x01;
  EXPECT_FALSE(judged(over_udp(query), all).changed);
  // An address has nothing to say to a question for a mail server, but can be late.
  EXPECT_FALSE(judged(over_udp(message("db", 15, {})), {fault({"db"}, elsewhere)}).changed);
  EXPECT_EQ(judged(over_udp(message("db", 15, {})), {fault({"db"}, elsewhere, 1s)}).delay, 1s);
}

TEST(Names, SeveralFaultsActTogether) {
  const std::vector faults = {NameFault{"slow", {"*"}, 100ms, {}}, NameFault{"wrong", {"db"}, 20ms, elsewhere},
                              NameFault{"none", {"db"}, 0s, Denial::none}};
  Tally tally;
  const auto fate = judge(over_udp(message("db", dns::a, {truth})), faults, tally);
  EXPECT_EQ(fate.delay, 120ms);
  EXPECT_TRUE(fate.changed);
  EXPECT_FALSE(fate.dropped);
  EXPECT_EQ(tally.at("slow"), (Counters{1, 0, 1, 0, 0}));
  EXPECT_EQ(tally.at("wrong"), (Counters{1, 0, 1, 0, 1}));
  EXPECT_EQ(tally.at("none"), (Counters{1, 0, 0, 0, 0}));
}

TEST(Names, NoAnswerIsDropped) {
  EXPECT_TRUE(judged(over_udp(message("db", dns::a, {truth})), {fault({"*"}, Denial::none)}).dropped);
  EXPECT_TRUE(judged(over_tcp({message("db", dns::a, {truth})}), {fault({"*"}, Denial::none)}).dropped);
}

TEST(Names, Ipv6IsSoundToo) {
  const auto fate = judged(over_udp(message("db", dns::a, {truth}), true), {fault({"db"}, elsewhere)});
  ASSERT_TRUE(fate.changed);
  EXPECT_TRUE(is_sound(*fate.changed));
}

// Over TCP a message keeps its length, and the others in the segment their place.
TEST(Names, StreamsKeepTheirLength) {
  const auto other = message("web", dns::a, {truth});
  for (const auto& said : {message("db", dns::a, {truth}), message("db", dns::a, {truth, truth}, {options}),
                           message("db", dns::a, {}, {}, 3), message("db", dns::a, {authority}, {}, 3)}) {
    for (const Hearsay& hearsay : {Hearsay(Denial::nxdomain), Hearsay(elsewhere), Hearsay(elsewhere6)}) {
      const auto before = over_tcp({other, said, other});
      const auto fate = judged(before, {fault({"db"}, hearsay)});
      ASSERT_TRUE(fate.changed);
      EXPECT_TRUE(is_sound(*fate.changed));
      ASSERT_EQ(fate.changed->size(), before.size());
      const Bytes stream = payload_of(*fate.changed);
      EXPECT_TRUE(std::ranges::equal(View(stream).subspan(2, other.size()), other));
      EXPECT_TRUE(std::ranges::equal(View(stream).last(other.size()), other));
    }
  }
}

TEST(Names, WhatIsLeftOfAStreamsMessageIsARecordThatMeansNothing) {
  const auto said = message("db", dns::a, {truth, truth}, {options});
  const auto question = dns::question_of_answer(said);
  ASSERT_TRUE(question);
  auto expected = begin("db", dns::a, 0x8180, 1, 1);
  append(expected, {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 9});
  append(expected, {0, 0, 10, 0, 1, 0, 0, 0, 0, 0, 16});
  expected.resize(said.size());
  EXPECT_EQ(dns::answer_of_length(said, said.size(), *question, elsewhere), expected);
  // The last part is yet to come, and stands for itself in that record.
  const View first = View(said).first(said.size() - 4);
  expected.resize(first.size());
  EXPECT_EQ(dns::answer_of_length(first, said.size(), *question, elsewhere), expected);
}

TEST(Names, AnAddressWithoutRoomIsAFailureOfTheServer) {
  const auto said = message("db", dns::a, {}, {options}, 3);
  const auto question = dns::question_of_answer(said);
  const auto made = dns::answer_of_length(said, said.size(), *question, elsewhere);
  EXPECT_EQ(made.size(), said.size());
  EXPECT_EQ(made[3] & 15, 2);
}

TEST(Names, WhatIsNoAnswerIsNone) {
  const auto good = message("db.example.com", dns::a, {truth});
  const auto question = dns::question_of_answer(good);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->name, "db.example.com");
  for (std::size_t length = 0; length < question->end; ++length) {
    EXPECT_FALSE(dns::question_of_answer(View(good).first(length)));
  }
  auto two = good;
  two[5] = 2;
  EXPECT_FALSE(dns::question_of_answer(two));
  auto update = good;
  update[2] = 0xa8;
  EXPECT_FALSE(dns::question_of_answer(update));
  auto pointer = good;
  pointer[12] = 0xc0;
  EXPECT_FALSE(dns::question_of_answer(pointer));
  auto dot = good;
  dot[13] = '.';
  EXPECT_FALSE(dns::question_of_answer(dot));
  Bytes endless = {0xab, 0xcd, 0x85, 0x80, 0, 1, 0, 0, 0, 0, 0, 0};
  for (int i = 0; i < 20; ++i) append(endless, name_of("abcdefghijklmnopqrstuvwxyz"));
  for (std::size_t i = 12; i < endless.size(); ++i) {
    if (endless[i] == 0) endless[i] = 26;
  }
  EXPECT_FALSE(dns::question_of_answer(endless));
}

TEST(Names, HostilePacketsAreNeverReadBeyond) {
  const std::vector faults = {fault({"*"}, elsewhere, 1ms)};
  for (const auto& whole : {over_udp(message("db", dns::a, {truth}, {options})), over_udp(message("db", 1, {}), true),
                            over_tcp({message("db", dns::a, {truth}), message("web", 28, {})})}) {
    for (std::size_t length = 0; length <= whole.size(); ++length) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      judged(part, faults);
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const int value : {0, 1, 0x3f, 0x7f, 0xc0, 0xff}) {
        Bytes bad = whole;
        bad[at] = static_cast<std::uint8_t>(value);
        const auto fate = judged(bad, faults);
        if (fate.changed) EXPECT_LE(fate.changed->size(), whole.size() + 64);
      }
    }
  }
}

}  // namespace
}  // namespace entropy::kernel
