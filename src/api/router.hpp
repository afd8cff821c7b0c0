// From a request to the handler of its resource: the one place where paths, methods and access are looked at.
#pragma once

#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "api/http.hpp"
#include "api/options.hpp"
#include "api/problem.hpp"
#include "control/service.hpp"

namespace entropy::api {

class EventFeed;

// What handlers work on; it outlives their requests.
struct Backend {
  control::Service* service = nullptr;
  const Options* options = nullptr;
  std::shared_ptr<EventFeed> feed;
};

// A request on its way through a handler.
struct Call : Backend {
  control::Caller caller;
  Request request;
  std::vector<std::string> args;  // what stands for {…} in the pattern, in order
  Query query;

  // The value of a query parameter; nullptr where it is not given.
  const std::string* parameter(std::string_view name) const;
};

using Handler = boost::asio::awaitable<Response> (*)(Call call);

// A handler that never waits.
template <Response (*handle)(const Call&)>
boost::asio::awaitable<Response> at_once(Call call) {
  co_return handle(call);
}

enum class Access { token, open };
// Whether a method other than GET changes something; such requests are kept in the audit log.
enum class Effect { change, none };

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/v1/policies/{name}"; {…} is one segment, not empty
  Handler handler;
  std::vector<std::string_view> query = {};  // parameters it knows; others are refused
  Access access = Access::token;
  Effect effect = Effect::change;
};

// Finds the route and asks its handler. HEAD is answered as GET (the session leaves the body out), OPTIONS with what
// there is. Never throws: what a handler throws is logged and answered with 500.
boost::asio::awaitable<Response> dispatch(std::span<const Route> routes, const Backend& backend, Request request);

}  // namespace entropy::api
