#include <gmock/gmock.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/hash.hpp"
#include "base/prefix.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace entropy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Duration, ReadsNumbersWithUnits) {
  EXPECT_EQ(parse_duration("250ms"), Duration(250ms));
  EXPECT_EQ(parse_duration("1m30s"), Duration(90s));
  EXPECT_EQ(parse_duration("1.5h"), Duration(90min));
  EXPECT_EQ(parse_duration(".5s"), Duration(500ms));
  EXPECT_EQ(parse_duration("20us"), Duration(20us));
  EXPECT_EQ(parse_duration("2d"), Duration(48h));
  EXPECT_EQ(parse_duration("0"), Duration(0s));
}

TEST(Duration, ABareNumberIsSecondsOnlyWhereAskedFor) {
  EXPECT_EQ(parse_duration("10", BareNumber::seconds), Duration(10s));
  const auto refused = parse_duration("10");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("us, ms, s, m, h or d"));
  EXPECT_FALSE(parse_duration("1.5", BareNumber::seconds));
  EXPECT_FALSE(parse_duration("1m30", BareNumber::seconds));
}

TEST(Duration, RefusesWhatIsNotOne) {
  for (const auto* text : {"", "ms", "-1s", "1x", "1 s", "1..5s", "1e3s", "99999999d", "s1", "0x10s", "."}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, PrintsTheShortestExactForm) {
  EXPECT_EQ(to_string(Duration(90s)), "1m30s");
  EXPECT_EQ(to_string(Duration(1500us)), "1ms500us");
  EXPECT_EQ(to_string(Duration(0)), "0s");
  for (const Duration d : {Duration(1), Duration(25h), Duration(123456789)}) {
    EXPECT_EQ(parse_duration(to_string(d)), d);
  }
}

TEST(Probability, ReadsFractionsAndPercentages) {
  EXPECT_EQ(parse_probability("0.25"), 0.25);
  EXPECT_EQ(parse_probability(".25"), 0.25);
  EXPECT_EQ(parse_probability("25%"), 0.25);
  EXPECT_EQ(parse_probability("1"), 1.0);
  EXPECT_THAT(parse_probability("1.5").error().message, HasSubstr("above 1"));
  for (const auto* text : {"", "x", "-1", "nan", "inf", "1e-1", "%", "101%"})
    EXPECT_FALSE(parse_probability(text)) << text;
}

TEST(PercentValue, IsZeroToHundred) {
  EXPECT_EQ(parse_percent("10%"), Percent{10});
  EXPECT_EQ(parse_percent("0.1"), Percent{0.1});
  EXPECT_FALSE(parse_percent("101"));
  EXPECT_EQ(to_string(Percent{12.5}), "12.5%");
}

TEST(RateValue, HasAUnit) {
  EXPECT_EQ(parse_rate("10mbit")->bits, 10'000'000U);
  EXPECT_EQ(parse_rate("1.5Mbit")->bits, 1'500'000U);
  EXPECT_EQ(parse_rate("512kbit")->bits, 512'000U);
  for (const auto* text : {"10", "", "mbit", "10mbps", "-1mbit", "1e9gbit", "99999999gbit"})
    EXPECT_FALSE(parse_rate(text)) << text;
  for (const auto* text : {"10mbit", "1500kbit", "1gbit", "7bit"}) EXPECT_EQ(to_string(*parse_rate(text)), text);
}

TEST(SizeValue, IsInBytesOrHasAUnit) {
  EXPECT_EQ(parse_size("1500")->bytes, 1500U);
  EXPECT_EQ(parse_size("64KiB")->bytes, 65536U);
  EXPECT_EQ(parse_size("10kB")->bytes, 10'000U);
  EXPECT_EQ(parse_size("1.5Mi")->bytes, 1'572'864U);
  for (const auto* text : {"", "KiB", "10 apples", "-1"}) EXPECT_FALSE(parse_size(text)) << text;
  for (const auto* text : {"64KiB", "10000", "2GiB", "0"}) EXPECT_EQ(to_string(*parse_size(text)), text);
}

TEST(PrefixValue, IsAnAddressOrANetwork) {
  for (const auto* text : {"10.0.0.3", "10.0.0.0/24", "0.0.0.0/0", "fd00::1", "fd00::/8", "::/0"}) {
    ASSERT_TRUE(parse_prefix(text)) << text;
    EXPECT_EQ(to_string(*parse_prefix(text)), text);
  }
  EXPECT_EQ(parse_prefix("10.0.0.77/24"), parse_prefix("10.0.0.0/24"));
  EXPECT_EQ(parse_prefix("fd00::1/127"), parse_prefix("fd00::/127"));
  for (const auto* text : {"", "10.0.0", "10.0.0.3/33", "10.0.0.3/", "10.0.0.3/-1", "fd00::/129", "x"}) {
    EXPECT_FALSE(parse_prefix(text)) << text;
  }
}

TEST(Number, PrintsWithoutExponent) {
  EXPECT_EQ(to_string(0.25), "0.25");
  EXPECT_EQ(to_string(0.00001), "0.00001");
  EXPECT_EQ(to_string(1.0), "1");
  EXPECT_EQ(to_string(100.0), "100");
  EXPECT_EQ(to_string(-0.0), "0");
  EXPECT_EQ(to_string(-1.5), "-1.5");
}

TEST(Number, SmallOnesReadBackExactly) {
  for (const double number : {1.2345678901234567e-5, 1.0 / 3 * 1e-9, 1e-25, 5e-324}) {
    EXPECT_EQ(parse_probability(to_string(number)), number);
  }
}

TEST(Rfc3339, RoundTrips) {
  const auto time = parse_rfc3339("2026-11-22T10:00:00.25Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(to_rfc3339(*time), "2026-11-22T10:00:00.25Z");
  EXPECT_EQ(parse_rfc3339("2026-11-22T12:00:00.25+02:00"), *time);
  EXPECT_EQ(parse_rfc3339("2026-11-22T10:00:00.250000999Z"), *time);
  for (const auto* text : {"", "2026-11-22", "2026-13-01T00:00:00Z", "2026-11-22T10:00:00", "2026-02-30T10:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Rfc3339, TakesNoSignsSpacesOrMissingDigits) {
  for (const auto* text :
       {"2026-11-22T-5:00:00Z", "2026-11-22T 5:00:00Z", "2026-1-2T10:00:00Z", "-026-11-22T10:00:00Z",
        "2026-11-22T10:00:00+-1:00", "2026-11-22T10:00:00.0000000000000000000000000000000000000000000Z, or later"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Rfc3339, RefusesTimesThatItCouldNotPrint) {
  EXPECT_FALSE(parse_rfc3339("9999-12-31T23:59:59-01:00"));
  EXPECT_FALSE(parse_rfc3339("0000-01-01T00:00:00+01:00"));
  EXPECT_TRUE(parse_rfc3339("9999-12-31T23:59:59Z"));
}

// Pinned: a change of these values changes the fate of every running policy.
TEST(Hash, IsTheSameForever) {
  EXPECT_EQ(Hash().value(), 0xc3817c016ba4ff30);
  EXPECT_EQ(Hash().number(42).text("demo").value(), 8858995883692976483ULL);
  EXPECT_NE(Hash().text("ab").text("c").value(), Hash().text("a").text("bc").value());
}

TEST(Hash, IsUniform) {
  constexpr int draws = 100'000;
  int below = 0;
  for (int i = 0; i < draws; ++i) below += Hash().number(7).text("policy").number(i).unit() < 0.25 ? 1 : 0;
  EXPECT_NEAR(below, draws / 4, 700);  // five standard deviations
}

TEST(Text, EscapesJson) {
  EXPECT_EQ(json_string("a\"b\\\n\x01"), R"("a\"b\\\n\u0001")");
  EXPECT_EQ(json_string("\xff\xc3\xa9"), "\"\xef\xbf\xbd\xc3\xa9\"");
}

TEST(Text, MatchesGlobs) {
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("web-*", "web-1"));
  EXPECT_TRUE(glob_match("*a*b", "xaayb"));
  EXPECT_TRUE(glob_match("we?", "web"));
  EXPECT_FALSE(glob_match("web", "web-1"));
  EXPECT_FALSE(glob_match("", "x"));
}

TEST(Text, SuggestsTheNearest) {
  EXPECT_EQ(nearest("latnecy", {"latency", "loss"}), "latency");
  EXPECT_EQ(nearest("zzzzzz", {"latency", "loss"}), "");
  EXPECT_THAT(did_you_mean("los", {"latency", "loss"}), HasSubstr("did you mean \"loss\"?"));
}

TEST(Process, FiguresAreOfThisProcess) {
  const ProcessFigures before = process_figures();
  EXPECT_LE(before.started, SystemClock().now());
  EXPECT_GT(before.resident_bytes, 100'000U);
  EXPECT_GT(before.virtual_bytes, before.resident_bytes);
  EXPECT_GE(before.threads, 1U);
  EXPECT_GE(before.open_files, 3U);
  const Fd one_more(::dup(0));
  EXPECT_EQ(process_figures().open_files, before.open_files + 1);
}

}  // namespace
}  // namespace entropy
