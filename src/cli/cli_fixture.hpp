// Whole commands against a real API server with a fake control plane behind it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cli/cli.hpp"
#include "fakes/api_fixture.hpp"

namespace entropy::cli {

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

class Cli : public testing::Test {
 protected:
  Outcome run(std::vector<std::string> args) {
    std::ostringstream out;
    std::ostringstream err;
    const auto env_of = [this](const char* name) { return env.contains(name) ? env.at(name) : std::string(); };
    std::istringstream in(input);
    Console console{out, err, width, env_of, false, &in};
    const Program program{"1.2.3",
                          [this](const ManageOptions& options) {
                            managed = options;
                            return 7;
                          },
                          [this](const ManageOptions& options, const std::string&) {
                            managed = options;
                            return start_service();
                          }};
    const int code = run_cli(args, console, program);
    return {code, out.str(), err.str()};
  }
  Outcome create(std::string name) {
    return run({"create", "--name", std::move(name), "-c", "service=db", "-e", "partition"});
  }

  static api::Options with_token() {
    api::Options options;
    options.token = "secret";
    options.version = "9.9.9";
    return options;
  }

  api::RunningServer server{with_token()};
  std::map<std::string, std::string> env = {{"ENTROPY_HOST", to_string(server.addresses.front())},
                                            {"ENTROPY_TOKEN", "secret"}};
  std::string input;  // standard input
  std::size_t width = 0;
  std::optional<ManageOptions> managed;
  // Of `run --standalone`.
  std::function<Result<std::unique_ptr<BackgroundService>>()> start_service = [] {
    return fail(ErrorCode::unavailable, "no service here");
  };
};

}  // namespace entropy::cli
