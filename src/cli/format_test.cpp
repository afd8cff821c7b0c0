#include <gmock/gmock.h>

#include "cli/fields.hpp"
#include "cli/table.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {
namespace {

using testing::HasSubstr;

const boost::json::value& sample() {
  static const boost::json::value value = *policy::parse_json(
      R"({"name": "demo", "probability": 0.25, "next_window": null, "policies": ["a", "b"], "failure": {"loss": {}, "latency": {}},
          "status": {"phase": "active", "next_window": "soon"}, "target": {"name": "web"}})");
  return value;
}

std::string expanded(std::string_view text) {
  const auto result = expand_template(text, sample());
  return result ? *result : result.error().message;
}

TEST(Table, AlignsAndFits) {
  const std::vector<Column> columns = {{"NAME"}, {"TEXT", true}};
  const std::vector<Row> rows = {{"a", "0123456789abcdef"}, {"größe", "x\ny"}};
  EXPECT_EQ(format_table(columns, rows, 0), "NAME   TEXT\na      0123456789abcdef\ngröße  x y\n");
  EXPECT_EQ(format_table(columns, rows, 16), "NAME   TEXT\na      01234567…\ngröße  x y\n");
  EXPECT_EQ(format_table(columns, rows, 3), "NAME   TEXT\na      01234…\ngröße  x y\n");
  EXPECT_EQ(format_table({{"NAME"}, {"MESSAGE", true, true}}, {{"a", ""}}, 0), "NAME\na\n");
  EXPECT_EQ(format_table(columns, {}, 0), "NAME  TEXT\n");
}

TEST(Table, ShortensCharactersNotBytes) {
  EXPECT_EQ(shorten("äöü", 2), "ä…");
  EXPECT_EQ(shorten("äö", 2), "äö");
  EXPECT_EQ(display_width("äö…"), 3U);
}

TEST(Template, KnowsFieldsAndJson) {
  EXPECT_EQ(expanded("{{.Name}}"), "demo");
  EXPECT_EQ(expanded("{{ .Status.Phase }}\\t{{.Phase}}"), "active\tactive");
  EXPECT_EQ(expanded("{{.Policies}} {{.Failure}} {{.Target.Name}} [{{.NextWindow}}]"), "a,b loss,latency web []");
  EXPECT_EQ(expanded("{{json .Policies}}"), R"(["a","b"])");
  EXPECT_EQ(expanded("{{json .}}"), policy::print_json(sample()));
  EXPECT_EQ(expanded("plain"), "plain");
}

TEST(Template, SaysWhatItDoesNotKnow) {
  EXPECT_THAT(expanded("{{.Nmae}}"), HasSubstr("did you mean \"name\"?"));
  EXPECT_THAT(expanded("{{.Name"), HasSubstr("without }}"));
  EXPECT_THAT(expanded("{{range .}}"), HasSubstr("not understood"));
}

TEST(Filters, AreAlternativesForOneKeyAndAllForSeveral) {
  const auto passes = [](const std::vector<std::string>& filters) { return passes_filters(sample(), filters); };
  EXPECT_EQ(passes({}), true);
  EXPECT_EQ(passes({"name=d*"}), true);
  EXPECT_EQ(passes({"name=x", "name=demo", "phase=active"}), true);
  EXPECT_EQ(passes({"name=demo", "phase=armed"}), false);
  EXPECT_EQ(passes({"failure=latency"}), true);
  EXPECT_EQ(passes({"policies=c"}), false);
  EXPECT_FALSE(passes({"nmae=x"}));
  EXPECT_FALSE(passes({"name"}));
}

}  // namespace
}  // namespace entropy::cli
