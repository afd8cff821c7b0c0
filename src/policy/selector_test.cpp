#include "policy/selector.hpp"

#include <gmock/gmock.h>

#include "fakes/plain_subject.hpp"

namespace entropy::policy {
namespace {

using testing::HasSubstr;

const Subject& web() {
  static const fakes::PlainSubject subject({{"service", "web"}, {"tier", "front"}, {"empty", ""}},
                                           {{Attribute::name, "shop-web-1"},
                                            {Attribute::id, "abcdef123456"},
                                            {Attribute::network, "front"},
                                            {Attribute::network, "back"}});
  return subject;
}

bool matches(std::string_view text) {
  const auto selector = Selector::parse(text);
  EXPECT_TRUE(selector) << text;
  return selector && selector->matches(web());
}

std::string error_of(std::string_view text) {
  const auto selector = Selector::parse(text);
  return selector ? "accepted" : selector.error().message;
}

TEST(Selector, TheWholeGrammar) {
  EXPECT_TRUE(matches("service"));
  EXPECT_TRUE(matches("service=web"));
  EXPECT_TRUE(matches("service==web"));
  EXPECT_TRUE(matches("empty="));
  EXPECT_TRUE(matches("service!=db"));
  EXPECT_TRUE(matches("missing!=db"));
  EXPECT_TRUE(matches("!missing"));
  EXPECT_TRUE(matches("service in (db, web)"));
  EXPECT_TRUE(matches("service notin (db,cache)"));
  EXPECT_TRUE(matches("service=web,tier=front , !missing"));
  EXPECT_FALSE(matches("service=db"));
  EXPECT_FALSE(matches("!service"));
  EXPECT_FALSE(matches("service!=web"));
  EXPECT_FALSE(matches("service in (db)"));
  EXPECT_FALSE(matches("service notin (web)"));
  EXPECT_FALSE(matches("service=web,tier=back"));
}

TEST(Selector, LabelValuesAreNoGlobs) { EXPECT_FALSE(matches("service=we*")); }

TEST(Selector, AttributesAreGlobs) {
  EXPECT_TRUE(matches("@name=shop-*"));
  EXPECT_TRUE(matches("@name=*"));
  EXPECT_TRUE(matches("@name in (x, *-1)"));
  EXPECT_TRUE(matches("@id=abcdef"));
  EXPECT_TRUE(matches("@network=back"));
  EXPECT_FALSE(matches("@network!=back"));
  EXPECT_FALSE(matches("@name=shop"));
  EXPECT_FALSE(matches("@id=bcdef"));
  EXPECT_FALSE(matches("@service=web"));
}

TEST(Selector, RefusesWhatIsNotOne) {
  EXPECT_THAT(error_of(""), HasSubstr("@name=*"));
  EXPECT_THAT(error_of("  "), HasSubstr("empty"));
  EXPECT_THAT(error_of("a,,b"), HasSubstr("comma"));
  EXPECT_THAT(error_of("a in (b"), HasSubstr("not closed"));
  EXPECT_THAT(error_of("a in b)"), HasSubstr("unbalanced"));
  EXPECT_THAT(error_of("a in ((b))"), HasSubstr("unbalanced"));
  EXPECT_THAT(error_of("a within (b)"), HasSubstr("notin"));
  EXPECT_THAT(error_of("a in (b) c"), HasSubstr("after"));
  EXPECT_THAT(error_of("a in (b) c in (d)"), HasSubstr("after"));
  EXPECT_THAT(error_of("a in ()"), HasSubstr("empty value"));
  EXPECT_THAT(error_of("=x"), HasSubstr("missing"));
  EXPECT_THAT(error_of("!"), HasSubstr("missing"));
  EXPECT_THAT(error_of("!=x"), HasSubstr("missing"));
  EXPECT_THAT(error_of("a b=c"), HasSubstr("not a label"));
  EXPECT_THAT(error_of("@nmae=x"), HasSubstr("did you mean \"name\"?"));
}

TEST(Selector, NamesExactValuesThatCanBeLookedUp) {
  const auto exact = [](std::string_view text) {
    const auto selector = Selector::parse(text);
    return selector->exact() == nullptr ? "none" : selector->exact()->text;
  };
  EXPECT_EQ(exact("!a,b!=c,@name=x*,d in (e,*),@service=f"), "d in (e,*)");
  EXPECT_EQ(exact("a,@id=b,@name=?,@network notin (c),@service in (d,e)"), "@service in (d,e)");
  EXPECT_EQ(exact("a,@id=b,@name=*"), "none");
}

TEST(Selector, SaysWhichRequirementFailed) {
  const auto selector = Selector::parse("service=web,tier=back,other");
  EXPECT_EQ(selector->first_failed(web()), "tier=back does not hold: tier is front");
  EXPECT_EQ(Selector::parse("gone")->first_failed(web()), "gone does not hold: there is no gone");
}

}  // namespace
}  // namespace entropy::policy
