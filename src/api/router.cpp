#include "api/router.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "api/access.hpp"
#include "api/resources.hpp"
#include "base/text.hpp"
#include "control/log.hpp"

namespace entropy::api {
namespace {

// The values for {…}; none if the pattern is another path.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  const auto want = split(pattern, '/');
  const auto have = split(path, '/');
  if (want.size() != have.size()) return std::nullopt;
  std::vector<std::string> args;
  for (std::size_t i = 0; i < want.size(); ++i) {
    auto segment = percent_decode(have[i], Plus::literal);
    if (!segment) return std::nullopt;
    if (!want[i].starts_with('{')) {
      if (*segment != want[i]) return std::nullopt;
    } else if (segment->empty()) {
      return std::nullopt;
    } else {
      args.push_back(std::move(*segment));
    }
  }
  return args;
}

// Path and query of the absolute form, too, which every server has to take (RFC 9112, section 3.2.2).
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto path = target.find_first_of("/?", scheme.size());
    return path == std::string_view::npos ? "/" : target.substr(path);
  }
  return target;
}

Response no_route(std::string_view method, std::string_view path, const std::set<std::string_view>& allowed) {
  const std::string shown = quoted(path.substr(0, 200));
  if (allowed.empty()) return problem(404, concat("there is nothing at ", shown, "; the API begins with /v1"));
  const std::string list = join(allowed, ", ");
  Response response{204, "", ""};
  if (method != "OPTIONS")
    response = problem(405, concat(quoted(method.substr(0, 20)), " is not offered at ", shown, ": use ", list));
  response.headers.emplace_back("Allow", list);
  return response;
}

std::optional<Response> refuse_query(const Route& route, const Query& query) {
  std::set<std::string_view> seen;
  std::vector<FieldError> errors;
  const std::vector<std::string> known(route.query.begin(), route.query.end());
  for (const auto& [key, value] : query) {
    if (std::ranges::find(route.query, key) == route.query.end()) {
      const std::string hint = known.empty() ? " (there are none here)" : did_you_mean(key, known);
      errors.push_back({key, concat("unknown query parameter ", quoted(key), hint)});
    } else if (!seen.insert(key).second) {
      errors.push_back({key, "is given twice"});
    }
  }
  if (errors.empty()) return std::nullopt;
  return problem(400, errors.front().message, errors);
}

constexpr std::string_view no_pattern = "unknown";  // all paths that nothing is at

// What there is to ask, or the refusal.
struct Found {
  const Route* route = nullptr;
  Call call;
  Response refusal;
  std::string_view pattern = no_pattern;  // of the path, though the request be refused
};

Found find(std::span<const Route> routes, const Backend& backend, Request request) {
  Found found{nullptr, {backend, {}, std::move(request), {}, {}}, {}, no_pattern};
  const std::string_view target = origin_form(found.call.request.target);
  const auto question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  const std::string method = found.call.request.method == "HEAD" ? "GET" : found.call.request.method;
  std::set<std::string_view> allowed;
  for (const auto& route : routes) {
    auto args = match(route.pattern, path);
    if (!args) continue;
    found.pattern = route.pattern;
    allowed.insert({route.method, "OPTIONS"});
    if (route.method == "GET") allowed.insert("HEAD");
    if (route.method != method) continue;
    found.route = &route;
    found.call.args = std::move(*args);
    break;
  }
  const auto refused = [&found](Response refusal) { return Found{nullptr, {}, std::move(refusal), found.pattern}; };
  if (found.route == nullptr) return refused(no_route(method, path, allowed));
  if (found.route->access == Access::token) {
    auto caller = admit(found.call.request, *backend.options);
    if (!caller) return refused(std::move(caller.error()));
    found.call.caller = std::move(*caller);
  }
  auto query = parse_query(target.substr(std::min(question + 1, target.size())));
  if (!query) return refused(problem(400, "the query of the URL is not well percent-encoded"));
  if (auto refusal = refuse_query(*found.route, *query)) return refused(std::move(*refusal));
  found.call.query = std::move(*query);
  return found;
}

boost::asio::awaitable<Response> ask(const Route* route, Call call) {
  const std::string line = concat(call.request.method, " ", call.request.target);
  try {
    co_return co_await route->handler(std::move(call));
  } catch (const std::exception& error) {
    log::error("{}: {}", line, error.what());
  }
  co_return problem(500, "an error inside of Entropy; its log says more");
}

// A change is noted before it begins, and how it ended afterwards: what was created is the path of the answer.
boost::asio::awaitable<Response> ask_with_audit(const Route* route, Call call) {
  control::Service& service = *call.service;
  std::string path(origin_form(call.request.target));
  const std::uint64_t id = service.begin_audit({call.caller, call.request.method, path});
  Response response = co_await ask(route, std::move(call));
  for (const auto& [name, value] : response.headers) {
    if (name == "Location") path = value;
  }
  service.end_audit(id, std::move(path), response.status);
  co_return response;
}

}  // namespace

const std::string* Call::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return &value;
  }
  return nullptr;
}

boost::asio::awaitable<Response> dispatch(std::span<const Route> routes, const Backend& backend, Request request) {
  const std::string line = concat(request.method, " ", request.target);
  const auto began = std::chrono::steady_clock::now();
  Found found = find(routes, backend, std::move(request));
  const std::string_view pattern = found.pattern;
  Response response;
  if (found.route == nullptr) {
    response = std::move(found.refusal);
  } else {
    const bool audited = found.route->method != "GET" && found.route->effect == Effect::change;
    Call call = std::move(found.call);
    if (audited) {
      response = co_await ask_with_audit(found.route, std::move(call));
    } else {
      response = co_await ask(found.route, std::move(call));
    }
  }
  count_request(backend.service->metrics().registry(), pattern, response.status,
                std::chrono::steady_clock::now() - began);
  log::debug("{} -> {}", line, response.status);
  co_return response;
}

}  // namespace entropy::api
