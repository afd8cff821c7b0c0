#include "program/custom_output.hpp"

#include <gmock/gmock.h>

#include "base/text.hpp"
#include "program/custom_offer.hpp"

namespace entropy::program {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = CustomLine::Kind;

std::vector<CustomOutput> read(std::string_view text) {
  std::vector<CustomOutput> heard;
  CustomReader reader;
  reader.feed(text, [&](CustomOutput output) { heard.push_back(std::move(output)); });
  return heard;
}

CustomHeader header(std::string_view body) {
  const auto heard = read(concat("== Entropy Header Open ==\n", body, "\n== Entropy Header Close ==\n"));
  return heard.size() == 1 && std::holds_alternative<CustomHeader>(heard[0]) ? std::get<CustomHeader>(heard[0])
                                                                             : CustomHeader{false, {}, {}, "no header"};
}

TEST(CustomReader, ReadsHeaderAndEvents) {
  const auto heard = read(
      "== Entropy Header Open ==\r\n{\"started\": true,\n \"available_failures\": [\"a\", \"b\"]}\n"
      "== Entropy Header Close ==\n{\"event\": \"fault.started\", \"message\": \"mtu 600\"}\nsome words\n\n"
      "{\"event\":\"log\",\"message\":\"m\"}\n{\"event\":\"fault.ended\"}\n");
  EXPECT_THAT(heard, ElementsAre(CustomOutput(CustomHeader{true, {"a", "b"}, {}, ""}),
                                 CustomOutput(CustomLine{Kind::started, "mtu 600"}),
                                 CustomOutput(CustomLine{Kind::log, "some words"}),
                                 CustomOutput(CustomLine{Kind::log, "m"}), CustomOutput(CustomLine{Kind::ended, ""})));
}

TEST(CustomReader, ValidationErrorsAreKeptWordForWord) {
  const auto refused =
      header(R"({"started": false, "validation_errors": [{"field": "mtu", "message": "is \"6\" \u00e9"}, 7]})");
  EXPECT_THAT(refused.validation_errors, ElementsAre(FieldError{"mtu", "is \"6\" \xc3\xa9"}, FieldError{"", "7"}));
  EXPECT_EQ(
      header(R"({"started": false, "validation_errors": [{"message": "a\u001b[2J\nb"}]})").validation_errors[0].message,
      "a [2J b");
}

TEST(CustomReader, SaysWhyAHeaderIsNone) {
  EXPECT_THAT(header("{}").malformed, HasSubstr("started"));
  EXPECT_THAT(header("[]").malformed, HasSubstr("no JSON object"));
  EXPECT_THAT(header(R"({"started": true, "validation_errors": "x"})").malformed, HasSubstr("not a list"));
  EXPECT_THAT(header(concat(R"({"started": true, "available_failures": [)", std::string(400, '1'), "]}")).malformed,
              IsEmpty());
  std::string many = "0";
  for (int i = 0; i < 200; ++i) many += ",0";
  EXPECT_THAT(header(concat(R"({"started": true, "available_failures": [)", many, "]}")).malformed, HasSubstr("100"));
  std::string endless = "== Entropy Header Open ==\n";
  for (int i = 0; i < 20; ++i) endless += std::string(10'000, 'x') + "\n";
  EXPECT_THAT(std::get<CustomHeader>(read(endless).front()).malformed, HasSubstr("64 KiB"));
}

TEST(CustomReader, ASecondHeaderIsWords) {
  const auto heard =
      read("== Entropy Header Open ==\n{\"started\":true}\n== Entropy Header Close ==\n== Entropy Header Open ==\n");
  EXPECT_EQ(heard.back(), CustomOutput(CustomLine{Kind::log, "== Entropy Header Open =="}));
}

TEST(CustomOffer, IsACatalogue) {
  const auto kinds = parse_offer(R"([{"name": "mtu", "description": "small packets", "parameters": [
      {"name": "bytes", "type": "integer", "default": 600, "description": "of a packet"}, {"name": "on", "required": true}]},
      "bare"])");
  ASSERT_TRUE(kinds) << kinds.error().message;
  ASSERT_EQ(kinds->size(), 2U);
  EXPECT_EQ((*kinds)[0].parameters.at(0).default_value, "600");
  EXPECT_TRUE((*kinds)[0].parameters.at(1).required);
  EXPECT_EQ((*kinds)[1].name, "bare");
  for (const auto* bad : {"{}", "[1]", "[{}]", "x", R"([{"name": "a", "parameters": 5}])"}) {
    EXPECT_THAT(parse_offer(bad).error().message, HasSubstr("entropy.failures is not well-formed")) << bad;
  }
}

}  // namespace
}  // namespace entropy::program
