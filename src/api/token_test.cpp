#include "api/token.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace entropy::api {
namespace {

class Token : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(directory); }

  std::string directory = "/tmp/entropy-token-test-XXXXXX";
};

TEST_F(Token, IsMadeOnceAndKeptForItsOwnerAlone) {
  const auto made = keep_token(directory);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->size(), 64U);
  EXPECT_EQ(keep_token(directory), made);
  struct stat status{};
  ASSERT_EQ(::stat((directory + "/token").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_FALSE(std::filesystem::exists(directory + "/token.new"));
}

TEST_F(Token, IsRefusedWhereItIsNoSecret) {
  ASSERT_TRUE(keep_token(directory));
  ::chmod((directory + "/token").c_str(), 0644);
  EXPECT_EQ(keep_token(directory).error().code, ErrorCode::permission);
  ::chmod((directory + "/token").c_str(), 0600);
  std::ofstream(directory + "/token", std::ios::trunc) << "\n";
  EXPECT_EQ(keep_token(directory).error().code, ErrorCode::invalid);
  EXPECT_FALSE(keep_token(directory + "/none"));
}

}  // namespace
}  // namespace entropy::api
