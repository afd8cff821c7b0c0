#include "api/routes.hpp"

#include "api/resources.hpp"

namespace entropy::api {

std::span<const Route> routes() {
  static const std::vector<Route> table = {
      {"GET", "/", at_once<get_page>, {}, Access::open},
      {"GET", "/_ping", at_once<get_ping>, {}, Access::open},
      {"GET", "/healthz", at_once<get_ping>, {}, Access::open},
      {"GET", "/readyz", at_once<get_readiness>, {}, Access::open},
      {"GET", "/version", at_once<get_version>},
      {"GET", "/info", at_once<get_info>},
      {"GET", "/metrics", at_once<get_metrics>},
      {"GET", "/openapi.json", at_once<get_openapi>},
      {"GET", "/events", at_once<get_events>, {"since"}},

      {"GET", "/v1/policies", at_once<list_policies>},
      {"POST", "/v1/policies", create_policy},
      {"POST", "/v1/policies:preview", at_once<preview_policy>, {}, Access::token, Effect::none},
      {"POST", "/v1/policies:stop", at_once<stop_policies>},
      {"GET", "/v1/policies/{name}", at_once<get_policy>},
      {"PUT", "/v1/policies/{name}", put_policy},
      {"DELETE", "/v1/policies/{name}", delete_policy, {"wait"}},
      {"POST", "/v1/policies/{name}/start", at_once<start_policy>},
      {"POST", "/v1/policies/{name}/stop", stop_policy},

      {"GET", "/v1/injectors", at_once<list_injectors>},
      {"GET", "/v1/injectors/{id}", at_once<get_injector>},
      {"GET", "/v1/injectors/{id}/logs", get_injector_logs, {"follow", "tail"}},
      {"POST", "/v1/injectors:test", test_injector},
      {"POST", "/v1/injectors/{id}/restart", restart_injector},
      {"POST", "/v1/injectors/{id}/pause", pause_injector},
      {"POST", "/v1/injectors/{id}/unpause", unpause_injector},

      {"GET", "/v1/targets", at_once<list_targets>, {"selector", "failure"}},
      {"GET", "/v1/failures", list_failures},
      {"GET", "/v1/endpoints", at_once<list_endpoints>},
      {"POST", "/v1/endpoints:examine", examine_endpoints, {}, Access::token, Effect::none},
      {"POST", "/v1/endpoints:clean", clean_endpoints},

      {"GET", "/v1/faults", at_once<list_faults>, {"policy", "target", "since", "until", "limit", "cursor"}},
      {"GET", "/v1/audit", at_once<list_audit>, {"since", "until", "limit", "cursor"}},
      {"GET", "/v1/forecast", at_once<get_forecast>, {"policy", "until"}},

      {"GET", "/v1/halt", at_once<get_halt>},
      {"PUT", "/v1/halt", put_halt},
      {"DELETE", "/v1/halt", at_once<delete_halt>},
  };
  return table;
}

}  // namespace entropy::api
