#include <algorithm>

#include "api/resources.hpp"
#include "api/views_json.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

constexpr std::string_view page_begin =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Entropy</title></head><body>\n"
    "<h1>Entropy</h1>\n<p>This is the API of Entropy ";
constexpr std::string_view page_end =
    ", which makes chosen failures happen to Docker containers, on a schedule, and takes them back.</p>\n"
    "<p>It is used with the program <code>entropy</code> (<code>entropy --help</code>), or over HTTP with a token "
    "(<code>Authorization: Bearer</code>): <a href=\"/v1/policies\">/v1/policies</a>, "
    "<a href=\"/v1/injectors\">/v1/injectors</a>, <a href=\"/v1/failures\">/v1/failures</a>, "
    "<a href=\"/events\">/events</a>, <a href=\"/metrics\">/metrics</a>.</p>\n</body></html>\n";

}  // namespace

Response get_page(const Call& call) {
  Response response{200, "text/html; charset=utf-8", concat(page_begin, call.options->version, page_end)};
  response.headers.emplace_back("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  return response;
}

Response get_ping(const Call&) { return {200, "text/plain; charset=utf-8", "OK"}; }

Response get_readiness(const Call& call) {
  const auto endpoints = call.service->endpoints();
  if (std::ranges::any_of(endpoints, &control::EndpointView::up)) return get_ping(call);
  return problem(503, "no Docker engine is connected: GET /v1/endpoints (entropy doctor) says why");
}

Response get_version(const Call& call) {
  return json_response({{"name", "entropy"}, {"version", call.options->version}, {"api_version", "v1"}});
}

Response get_info(const Call& call) { return json_response(to_json(call.service->info())); }

}  // namespace entropy::api
