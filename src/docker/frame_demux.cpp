#include "docker/frame_demux.hpp"

#include <algorithm>

namespace entropy::docker {
namespace {

// Numbers of the streams; 0 is an echo of standard input, 3 is the engine's own error text.
constexpr unsigned char stdout_stream = 1;
constexpr unsigned char last_stream = 3;

}  // namespace

Result<> FrameDemux::take_header(std::string_view& input) {
  const std::size_t n = std::min(header_.size() - header_size_, input.size());
  std::copy_n(input.begin(), n, header_.begin() + static_cast<std::ptrdiff_t>(header_size_));
  header_size_ += n;
  input.remove_prefix(n);
  if (header_size_ < header_.size()) return {};
  if (header_[0] > last_stream || header_[1] != 0 || header_[2] != 0 || header_[3] != 0) {
    return fail(ErrorCode::protocol, "the container's output is not multiplexed (has the container a terminal?)");
  }
  is_stderr_ = header_[0] > stdout_stream;
  left_ = static_cast<std::uint32_t>(header_[4]) << 24 | static_cast<std::uint32_t>(header_[5]) << 16 |
          static_cast<std::uint32_t>(header_[6]) << 8 | header_[7];
  header_size_ = 0;
  return {};
}

Result<std::optional<FrameDemux::Piece>> FrameDemux::next(std::string_view& input) {
  while (!input.empty()) {
    if (left_ == 0) {
      if (auto taken = take_header(input); !taken) return fail(std::move(taken.error()));
      continue;
    }
    const std::string_view bytes = input.substr(0, left_);
    input.remove_prefix(bytes.size());
    left_ -= static_cast<std::uint32_t>(bytes.size());
    return Piece{is_stderr_, bytes};
  }
  return std::nullopt;
}

}  // namespace entropy::docker
