// A multiplexed stream has the same output wherever it is cut, and fails at the same place.
#include "docker/frame_demux.hpp"

#include <string>

#include "check.hpp"

namespace entropy::fuzz {
namespace {

struct Output {
  docker::FrameDemux demux;
  std::string standard;
  std::string error;
  bool failed = false;

  void feed(std::string_view bytes) {
    while (!failed) {
      const auto piece = demux.next(bytes);
      failed = !piece;
      if (failed || !*piece) break;
      require(!(*piece)->bytes.empty());
      ((*piece)->is_stderr ? error : standard) += (*piece)->bytes;
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
  require(cut.standard == whole.standard && cut.error == whole.error && cut.failed == whole.failed);
  require(cut.failed || cut.demux.at_boundary() == whole.demux.at_boundary());
}

}  // namespace entropy::fuzz
