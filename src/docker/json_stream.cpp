#include "docker/json_stream.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace entropy::docker {
namespace {

constexpr std::size_t largest_value = 1024 * 1024;

}  // namespace

Result<std::optional<boost::json::value>> JsonStream::next(std::string_view& input) {
  if (size_ == 0) input.remove_prefix(std::min(input.find_first_not_of(" \t\r\n"), input.size()));
  if (input.empty()) return std::nullopt;
  boost::system::error_code error;
  const std::size_t used = parser_.write_some(input.data(), input.size(), error);
  if (error) return fail(ErrorCode::protocol, concat("not JSON: ", error.message()));
  input.remove_prefix(used);
  size_ += used;
  if (size_ > largest_value) return fail(ErrorCode::protocol, "a JSON value above 1 MiB");
  if (!parser_.done()) return std::nullopt;
  boost::json::value value = parser_.release();
  parser_.reset();
  size_ = 0;
  return value;
}

}  // namespace entropy::docker
