#include "api/input.hpp"

#include "base/clock.hpp"
#include "base/text.hpp"
#include "policy/policy_json.hpp"

namespace entropy::api {

Read<boost::json::value> read_json(const Request& request) {
  const std::string_view type = request.header("Content-Type");
  const std::string_view media = trim(type.substr(0, type.find(';')));
  if (!media.empty() && media != "application/json" && !media.ends_with("+json")) {
    return std::unexpected(
        problem(415, concat("the body is read as application/json, not ", quoted(media.substr(0, 80)))));
  }
  auto value = policy::parse_json(request.body);
  if (!value) return std::unexpected(problem(400, value.error().message));
  return *value;
}

Read<bool> read_flag(const Call& call, std::string_view name, bool otherwise) {
  const std::string* text = call.parameter(name);
  if (text == nullptr) return otherwise;
  if (*text == "1" || *text == "true") return true;
  if (*text == "0" || *text == "false") return false;
  return std::unexpected(bad_field(std::string(name), concat(quoted(*text), " is neither true nor false")));
}

Read<std::optional<std::uint64_t>> read_number(const Call& call, std::string_view name) {
  const std::string* text = call.parameter(name);
  if (text == nullptr) return std::nullopt;
  const auto number = parse_unsigned(*text);
  if (!number) return std::unexpected(bad_field(std::string(name), number.error().message));
  return *number;
}

Read<std::optional<Time>> read_time(const Call& call, std::string_view name, Way way) {
  const std::string* text = call.parameter(name);
  if (text == nullptr) return std::nullopt;
  if (const auto time = parse_rfc3339(*text)) return *time;
  if (const auto duration = parse_duration(*text)) {
    const Time now = SystemClock().now();
    return way == Way::ago ? now - *duration : now + *duration;
  }
  return std::unexpected(bad_field(std::string(name), concat(quoted(*text),
                                                             " is neither a time as in "
                                                             "2026-11-22T10:00:00Z nor a duration as in 10m")));
}

}  // namespace entropy::api
