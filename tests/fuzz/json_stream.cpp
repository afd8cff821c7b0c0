// A stream has the same JSON values wherever it is cut, and fails at the same place.
#include "docker/json_stream.hpp"

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "check.hpp"

namespace entropy::fuzz {
namespace {

struct Output {
  docker::JsonStream stream;
  std::vector<std::string> values;  // as text, for a number may be NaN ("0e400")
  bool failed = false;

  void feed(std::string_view bytes) {
    while (!failed) {
      auto value = stream.next(bytes);
      failed = !value;
      if (failed || !*value) break;
      values.push_back(boost::json::serialize(**value));
    }
    require(failed || bytes.empty());
  }
};

}  // namespace

void check(std::string_view input) {
  Output whole;
  if (!input.empty()) whole.feed(input.substr(1));
  Output cut;
  feed_in_pieces(input, [&](std::string_view piece) { cut.feed(piece); });
  require(cut.values == whole.values && cut.failed == whole.failed);
  require(cut.failed || cut.stream.at_boundary() == whole.stream.at_boundary());
}

}  // namespace entropy::fuzz
