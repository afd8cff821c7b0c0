// The multiplexed stream of attach and logs: frames of a header (stream, 3 zero bytes, big-endian length) and payload.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace entropy::docker {

class FrameDemux {
 public:
  struct Piece {
    bool is_stderr = false;
    std::string_view bytes;  // a part of the input
  };
  // Takes what makes the next piece of payload off the front of `input`; nothing when `input` is used up first. Frames
  // may be cut anywhere. A piece is never longer than `input`, whatever length a frame claims.
  // ErrorCode::protocol where a header should be and is not (a container with a terminal is not multiplexed).
  Result<std::optional<Piece>> next(std::string_view& input);

  // Between two frames: where a stream may end.
  bool at_boundary() const { return header_size_ == 0 && left_ == 0; }

 private:
  Result<> take_header(std::string_view& input);

  std::array<unsigned char, 8> header_{};
  std::size_t header_size_ = 0;
  std::uint32_t left_ = 0;
  bool is_stderr_ = false;
};

}  // namespace entropy::docker
