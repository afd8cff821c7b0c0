#include "base/address.hpp"

#include <gmock/gmock.h>

#include "base/url.hpp"

namespace entropy {
namespace {

std::string printed(std::string_view text) {
  const auto address = parse_address(text, 7890);
  return address ? to_string(*address) : address.error().message;
}

TEST(Address, ReadsWhatItPrints) {
  EXPECT_EQ(printed("tcp://127.0.0.1:7890"), "tcp://127.0.0.1:7890");
  EXPECT_EQ(printed("tcp://chaos"), "tcp://chaos:7890");
  EXPECT_EQ(printed("http://chaos:80/"), "tcp://chaos:80");
  EXPECT_EQ(printed("localhost:1"), "tcp://localhost:1");
  EXPECT_EQ(printed("tcp://[::1]:5"), "tcp://[::1]:5");
  EXPECT_EQ(printed("unix:///run/entropy.sock"), "unix:///run/entropy.sock");
}

TEST(Address, SaysWhatIsWrong) {
  using testing::HasSubstr;
  EXPECT_THAT(printed("tcp://"), HasSubstr("host is missing"));
  EXPECT_THAT(printed("tcp://a:b"), HasSubstr("0 to 65535"));
  EXPECT_THAT(printed("tcp://a:70000"), HasSubstr("0 to 65535"));
  EXPECT_THAT(printed("ftp://a"), HasSubstr("scheme"));
  EXPECT_THAT(printed("unix://run"), HasSubstr("begins with /"));
  EXPECT_THAT(printed("unix:///" + std::string(200, 'a')), HasSubstr("107"));
  EXPECT_THAT(printed("tcp://[::1"), HasSubstr("bracket"));
  EXPECT_THAT(printed("tcp://[[]:1"), HasSubstr("strange"));
  EXPECT_THAT(printed("tcp://a b"), HasSubstr("strange"));
}

TEST(Address, KnowsLoopback) {
  EXPECT_TRUE(is_loopback_host("127.8.8.8"));
  EXPECT_TRUE(is_loopback_host("::1"));
  EXPECT_TRUE(is_loopback_host("entropy.localhost"));
  EXPECT_FALSE(is_loopback_host("127.0.0.1.evil.example"));
  EXPECT_FALSE(is_loopback_host("0.0.0.0"));
}

TEST(Url, RoundTripsAnyText) {
  const Query query = {{"selector", "service in (a,b)"}, {"x", "1+1=2&%"}, {"empty", ""}};
  EXPECT_EQ(parse_query(print_query(query).substr(1)), query);
  EXPECT_EQ(percent_decode("a+b%2f", Plus::literal), "a+b/");
  EXPECT_EQ(percent_decode("%2", Plus::literal), std::nullopt);
  EXPECT_EQ(percent_decode("%00", Plus::literal), std::nullopt);
  EXPECT_EQ(parse_query("a=%zz"), std::nullopt);
}

TEST(HttpUrl, ReadsWhatAGetCanBeSentTo) {
  EXPECT_EQ(*parse_http_url("http://web"), (HttpUrl{false, "web", 80, "/"}));
  EXPECT_EQ(*parse_http_url("https://web.example:8443/a%20b?c=d"), (HttpUrl{true, "web.example", 8443, "/a%20b?c=d"}));
  EXPECT_EQ(*parse_http_url("http://[::1]:81?x"), (HttpUrl{false, "::1", 81, "/?x"}));
  for (const auto* text :
       {"", "web", "ftp://web/", "http://", "http:///x", "http://:80/", "http://web:0/", "http://web:65536/",
        "http://web:/", "http://a@b/", "http://a:b@c/", "http://web/#top", "http://web/a b", "http://web/\r\nX: y",
        "http://[::1/", "http://[x]/", "http://we_b\\/", "http://w\xc3\xbc/"}) {
    EXPECT_FALSE(parse_http_url(text)) << text;
  }
  EXPECT_FALSE(parse_http_url("http://web/" + std::string(2048, 'x')));
}

}  // namespace
}  // namespace entropy
