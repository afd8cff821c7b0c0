// A stream has the same lines wherever it is cut.
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "program/line_splitter.hpp"

namespace entropy::fuzz {

void check(std::string_view input) {
  std::vector<std::string> lines;
  const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
  program::LineSplitter whole;
  if (!input.empty()) whole.feed(input.substr(1), keep);

  const std::vector<std::string> wanted = std::exchange(lines, {});
  program::LineSplitter cut;
  feed_in_pieces(input, [&](std::string_view piece) { cut.feed(piece, keep); });
  require(lines == wanted);
}

}  // namespace entropy::fuzz
