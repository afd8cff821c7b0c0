#include "api/input.hpp"
#include "api/resources.hpp"
#include "api/views_json.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

// {"reason": "..."}; nothing at all is fine, too: the button must not fail for want of a reason.
Read<std::string> read_reason(const Request& request) {
  if (request.body.empty()) return "";
  const auto value = read_json(request);
  if (!value) return std::unexpected(value.error());
  const auto* object = value->if_object();
  if (object == nullptr) return std::unexpected(problem(400, "the body is an object, as in {\"reason\": \"drill\"}"));
  constexpr std::size_t longest = 4096;
  std::string reason;
  std::vector<FieldError> errors;
  for (const auto& [key, entry] : *object) {
    if (key != "reason") {
      errors.push_back({key, concat("unknown field ", quoted(key), did_you_mean(key, {"reason"}))});
    } else if (const auto* text = entry.if_string()) {
      reason = *text;
    } else {
      errors.push_back({key, "is not text"});
    }
  }
  if (reason.size() > longest) errors.push_back({"reason", "is longer than 4096 characters"});
  if (errors.empty()) return reason;
  return std::unexpected(problem(400, concat(errors.front().field, ": ", errors.front().message), errors));
}

}  // namespace

Response get_halt(const Call& call) { return json_response(to_json(call.service->halt_state())); }

boost::asio::awaitable<Response> put_halt(Call call) {
  auto reason = read_reason(call.request);
  if (!reason) co_return reason.error();
  std::string text = std::move(*reason);
  const auto view = co_await call.service->halt(std::move(text), call.caller);
  co_return view ? json_response(to_json(*view)) : problem(view.error());
}

Response delete_halt(const Call& call) {
  const auto resumed = call.service->resume(call.caller);
  return resumed ? get_halt(call) : problem(resumed.error());
}

}  // namespace entropy::api
