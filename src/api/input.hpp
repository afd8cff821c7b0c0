// What handlers read from a request: JSON bodies and query parameters.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <optional>

#include "api/router.hpp"
#include "base/units.hpp"

namespace entropy::api {

template <class T>
using Read = std::expected<T, Response>;

// 415 for a content type other than JSON (none is fine), 400 for what is not JSON.
Read<boost::json::value> read_json(const Request& request);

// Query parameters. What is wrong with them is collected, so that one answer says everything.
enum class Way { ago, ahead };
class Parameters {
 public:
  explicit Parameters(const Call& call) : call_(call) {}

  std::string text(std::string_view name) const;  // empty where not given
  bool flag(std::string_view name, bool otherwise);
  std::optional<std::uint64_t> number(std::string_view name);
  // RFC 3339, or a duration: so long ago, or so far ahead.
  std::optional<Time> time(std::string_view name, Way way);

  void refuse(std::string_view name, std::string message);
  // None if all is well.
  std::optional<Response> refusal() const;

 private:
  const Call& call_;
  std::vector<FieldError> errors_;
};

}  // namespace entropy::api
