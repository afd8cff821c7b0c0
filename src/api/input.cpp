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

std::string Parameters::text(std::string_view name) const {
  const std::string* text = call_.parameter(name);
  return text == nullptr ? "" : *text;
}

bool Parameters::flag(std::string_view name, bool otherwise) {
  const std::string* text = call_.parameter(name);
  if (text == nullptr) return otherwise;
  if (*text == "1" || *text == "true") return true;
  if (*text != "0" && *text != "false") refuse(name, concat(quoted(*text), " is neither true nor false"));
  return false;
}

std::optional<std::uint64_t> Parameters::number(std::string_view name) {
  const std::string* text = call_.parameter(name);
  if (text == nullptr) return std::nullopt;
  const auto number = parse_unsigned(*text);
  if (number && *number <= INT64_MAX) return *number;
  refuse(name, number ? concat(*text, " is too large") : number.error().message);
  return std::nullopt;
}

std::optional<Time> Parameters::time(std::string_view name, Way way) {
  const std::string* text = call_.parameter(name);
  if (text == nullptr) return std::nullopt;
  if (const auto time = parse_rfc3339(*text)) return *time;
  if (const auto duration = parse_duration(*text)) {
    const Time now = SystemClock().now();
    return way == Way::ago ? now - *duration : now + *duration;
  }
  refuse(name, concat(quoted(*text), " is neither a time as in 2026-11-22T10:00:00Z nor a duration as in 10m"));
  return std::nullopt;
}

void Parameters::refuse(std::string_view name, std::string message) {
  errors_.push_back({std::string(name), std::move(message)});
}

std::optional<Response> Parameters::refusal() const {
  if (errors_.empty()) return std::nullopt;
  return problem(400, concat(errors_.front().field, ": ", errors_.front().message), errors_);
}

}  // namespace entropy::api
