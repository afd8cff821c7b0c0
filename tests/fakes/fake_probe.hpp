// Addresses that answer what a test wants.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/probe.hpp"

namespace entropy::fakes {

class FakeProbe final : public control::HttpProbe {
 public:
  docker::Task<control::HttpAnswer> get(HttpUrl url, Duration, std::size_t) override {
    asked.push_back(url.host + url.target);
    const auto found = answers.find(url.host);
    if (found == answers.end()) co_return fail(ErrorCode::unavailable, "nobody listens at " + url.host);
    co_return found->second;
  }

  std::map<std::string, control::HttpAnswer> answers;  // by host
  std::vector<std::string> asked;
};

}  // namespace entropy::fakes
