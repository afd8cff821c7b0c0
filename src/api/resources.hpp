// The handlers, one file per resource. What each answers is the interface's table of methods and paths.
#pragma once

#include <prometheus/registry.h>

#include <chrono>

#include "api/router.hpp"

namespace entropy::api {

// policies.cpp
Response list_policies(const Call& call);
boost::asio::awaitable<Response> create_policy(Call call);
Response get_policy(const Call& call);
boost::asio::awaitable<Response> put_policy(Call call);
Response start_policy(const Call& call);
Response preview_policy(const Call& call);
boost::asio::awaitable<Response> delete_policy(Call call);
boost::asio::awaitable<Response> stop_policy(Call call);
Response stop_policies(const Call& call);

// injectors.cpp
Response list_injectors(const Call& call);
Response get_injector(const Call& call);
boost::asio::awaitable<Response> get_injector_logs(Call call);
boost::asio::awaitable<Response> test_injector(Call call);
boost::asio::awaitable<Response> restart_injector(Call call);
boost::asio::awaitable<Response> pause_injector(Call call);
boost::asio::awaitable<Response> unpause_injector(Call call);

// targets.cpp
Response list_targets(const Call& call);
boost::asio::awaitable<Response> list_failures(Call call);
Response list_endpoints(const Call& call);
boost::asio::awaitable<Response> examine_endpoints(Call call);
boost::asio::awaitable<Response> clean_endpoints(Call call);

// faults.cpp
Response list_faults(const Call& call);
Response get_forecast(const Call& call);
Response list_audit(const Call& call);

// halt.cpp
Response get_halt(const Call& call);
boost::asio::awaitable<Response> put_halt(Call call);
Response delete_halt(const Call& call);

// events.cpp
Response get_events(const Call& call);

// system.cpp
Response get_page(const Call& call);
Response get_ping(const Call& call);
Response get_readiness(const Call& call);
Response get_version(const Call& call);
Response get_info(const Call& call);

// openapi.cpp
Response get_openapi(const Call& call);

// metrics.cpp
Response get_metrics(const Call& call);
// A request that was answered; `route` is its pattern.
void count_request(prometheus::Registry& registry, std::string_view route, unsigned status,
                   std::chrono::duration<double> took);

}  // namespace entropy::api
