// A stream of JSON values one after the other (GET /events, progress of a load), cut anywhere.
#pragma once

#include <boost/json/stream_parser.hpp>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace entropy::docker {

class JsonStream {
 public:
  // Takes the next whole value off the front of `input`; nothing when `input` is used up first.
  // After an error (ErrorCode::protocol: not JSON, or a value above 1 MiB) the stream is of no more use.
  Result<std::optional<boost::json::value>> next(std::string_view& input);

  // Between two values: where a stream may end.
  bool at_boundary() const { return size_ == 0; }

 private:
  boost::json::stream_parser parser_;
  std::size_t size_ = 0;  // of the unfinished value so far
};

}  // namespace entropy::docker
