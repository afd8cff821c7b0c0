#include "net/http_get.hpp"

#include <gtest/gtest.h>

#include "fakes/http_imposter.hpp"
#include "fakes/run_task.hpp"

namespace entropy::net {
namespace {

using namespace std::chrono_literals;

class Get : public testing::Test {
 protected:
  // What comes of this answer where no more than so many bytes of its body are wanted.
  Result<HttpGot> get(std::string answer, std::size_t most_bytes) {
    imposter_.play(std::move(answer));
    const std::string url = concat("http://", imposter_.address().substr(imposter_.address().find("://") + 3), "/");
    return fakes::run_task(io_, http_get(io_.get_executor(), {*parse_http_url(url), 10s, most_bytes}));
  }

  boost::asio::io_context io_;
  fakes::HttpImposter imposter_{fakes::HttpImposter::Transport::tcp};
};

TEST_F(Get, ReadsAsMuchAsIsAskedFor) {
  const auto whole = get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 100);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->status, 200U);
  EXPECT_EQ(whole->body, "hello");
  EXPECT_EQ(get("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 4)->body,
            "hell");
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\n\r\nto the end", 100)->body, "to the end");
}

TEST_F(Get, ALengthThatNoMemoryHoldsIsNoTrouble) {
  const auto got = get("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nhello", 5);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "hello");
}

TEST_F(Get, WhatIsCutIsAnError) {
  const auto cut = get("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 100);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace entropy::net
