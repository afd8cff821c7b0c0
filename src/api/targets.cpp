#include "api/input.hpp"
#include "api/resources.hpp"
#include "api/views_json.hpp"
#include "base/text.hpp"
#include "failure/container.hpp"

namespace entropy::api {
namespace {

namespace json = boost::json;

json::object to_json(const failure::Parameter& parameter) {
  json::value default_value = nullptr;
  if (!parameter.required) default_value = parameter.default_value;
  return {{"name", parameter.name},
          {"type", parameter.type},
          {"required", parameter.required},
          {"default", std::move(default_value)},
          {"description", parameter.description}};
}

json::object to_json(const failure::Kind& kind) {
  json::array parameters;
  for (const auto& each : kind.parameters) parameters.push_back(to_json(each));
  return {{"name", kind.name},
          {"aliases", json::array(kind.aliases.begin(), kind.aliases.end())},
          {"description", kind.description},
          {"parameters", std::move(parameters)}};
}

}  // namespace

Response list_targets(const Call& call) {
  std::optional<policy::Selector> selector;
  if (const std::string* text = call.parameter("selector")) {
    auto parsed = policy::Selector::parse(*text);
    if (!parsed) return bad_field("selector", parsed.error().message);
    selector = std::move(*parsed);
  }
  const std::string* failures = call.parameter("failure");
  return json_response(
      to_json(call.service->targets(selector, failure::names_in(failures == nullptr ? "" : *failures))));
}

boost::asio::awaitable<Response> list_failures(Call call) {
  const auto offered = co_await call.service->offered_failures();
  if (!offered) co_return problem(offered.error());
  json::array kinds;
  for (const auto& each : failure::every_kind()) kinds.push_back(to_json(each));
  for (const auto& each : *offered) {
    json::object kind = to_json(each.kind);
    kind["image"] = each.image;
    kinds.push_back(std::move(kind));
  }
  co_return json_response(kinds);
}

boost::asio::awaitable<Response> examine_endpoints(Call call) {
  const auto views = co_await call.service->examine_endpoints();
  if (!views) co_return problem(views.error());
  co_return json_response(to_json(*views));
}

boost::asio::awaitable<Response> clean_endpoints(Call call) {
  const auto views = co_await call.service->clean_endpoints(call.caller);
  if (!views) co_return problem(views.error());
  co_return json_response(to_json(*views));
}

Response list_endpoints(const Call& call) { return json_response(to_json(call.service->endpoints())); }

}  // namespace entropy::api
