// The picture of `entropy top`: from the service's answers to text. Pure.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "base/units.hpp"

namespace entropy::cli {

struct TopFrame {
  std::string where;            // the service's address
  boost::json::array policies;  // as /v1/policies has them
  boost::json::array injectors;
  boost::json::value halt;
  std::string trouble;  // the service does not answer: why
  Time now;
};

struct TopStyle {
  std::size_t width = 0;  // 0: as wide as it gets
  bool color = false;
};

std::string draw_top(const TopFrame& frame, const TopStyle& style);

}  // namespace entropy::cli
