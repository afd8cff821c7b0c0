// Every route over real sockets, with a fake control plane behind it.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <set>

#include "api/routes.hpp"
#include "fakes/api_fixture.hpp"
#include "fakes/wire.hpp"

namespace entropy::api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::string_view bearer = "Authorization: Bearer secret\r\n";
constexpr std::string_view draft =
    R"({"name": "slow", "selector": "service=db", "failure": {"latency": {"delay": "250ms"}},
  "frequency": 30, "duration": 10, "probability": "25%", "seed": 42})";

Options with_token() {
  Options options;
  options.token = "secret";
  options.read_token = "reader";
  options.version = "1.2.3";
  return options;
}

std::vector<control::EndpointView> up(std::string endpoint) {
  control::EndpointView view;
  view.endpoint = std::move(endpoint);
  view.up = true;
  view.backends = {"netem"};
  return {view};
}

class Api : public testing::Test {
 protected:
  Answer ask(std::string_view method, std::string_view target, std::string_view body = "",
             std::string_view headers = bearer) {
    Wire wire(server.addresses.front());
    wire.request(method, target, headers, body);
    return wire.answer(method == "HEAD");
  }
  Answer get(std::string_view target) { return ask("GET", target); }

  RunningServer server{with_token(), true};
};

TEST_F(Api, ThePolicyOfTheInterface) {
  const Answer created = ask("POST", "/v1/policies", draft);
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.headers.at("location"), "/v1/policies/slow");
  EXPECT_EQ(created.headers.at("etag"), "\"1\"");
  EXPECT_EQ(created.headers.at("content-type"), "application/json");
  const Answer answer = get("/v1/policies/slow");
  EXPECT_EQ(answer.body,
            R"({"name":"slow","selector":"service=db","failure":{"latency":{"delay":"250ms"}},"frequency":"30s",)"
            R"("duration":"10s","probability":0.25,"seed":42,"state":"running","revision":1,)"
            R"("epoch":"1970-01-01T00:00:00Z","created":"1970-01-01T00:00:01Z","updated":"1970-01-01T00:00:02Z",)"
            R"("status":{"phase":"armed","message":"","targets":1,"injectors":0,"active":0,"missed":0,)"
            R"("next_window":null,"conditions":[],"stopped":null},"acts":[],)"
            R"("targets":[{"id":"c0ffee","name":"web","endpoint":"local","state":"active",)"
            R"("service":"","project":"","reason":"","effects":[]}],"skipped":[]})"
            "\n");
  EXPECT_EQ(get("/v1/policies").json().as_array().size(), 1U);
  EXPECT_EQ(ask("POST", "/v1/policies", draft).status, 409);
}

TEST_F(Api, PutCreatesReplacesAndMindsRevisions) {
  EXPECT_EQ(ask("PUT", "/v1/policies/slow", draft).status, 201);
  const Answer replaced = ask("PUT", "/v1/policies/slow", draft);
  EXPECT_EQ(replaced.status, 200);
  EXPECT_EQ(replaced.headers.at("etag"), "\"2\"");
  const auto put_if = [&](std::string_view tag) {
    return ask("PUT", "/v1/policies/slow", draft, concat(bearer, "If-Match: ", tag, "\r\n")).status;
  };
  EXPECT_EQ(put_if("\"1\""), 412);
  EXPECT_EQ(put_if("W/\"2\""), 412);
  EXPECT_EQ(put_if("\"9\", \"2\""), 200);
  EXPECT_EQ(put_if("*"), 200);
  EXPECT_EQ(
      ask("PUT", "/v1/policies/new", R"({"selector": "a", "failure": "partition"})", concat(bearer, "If-Match: *\r\n"))
          .status,
      412);
  EXPECT_EQ(ask("PUT", "/v1/policies/other", draft).json().at("errors").at(0).at("field"), "name");
  EXPECT_EQ(ask("PUT", "/v1/policies/%2Fetc", R"({"selector": "a", "failure": "partition"})").status, 400);
}

TEST_F(Api, DeleteStartStop) {
  ask("POST", "/v1/policies", draft);
  EXPECT_EQ(ask("POST", "/v1/policies/slow/stop").json().at("status").at("phase"), "stopped");
  EXPECT_EQ(ask("POST", "/v1/policies/slow/start").json().at("status").at("phase"), "armed");
  EXPECT_EQ(ask("DELETE", "/v1/policies/slow", "", concat(bearer, "If-Match: \"7\"\r\n")).status, 412);
  EXPECT_EQ(ask("DELETE", "/v1/policies/slow?wait=maybe").status, 400);
  EXPECT_EQ(ask("DELETE", "/v1/policies/slow?wait=false").status, 202);
  EXPECT_EQ(ask("DELETE", "/v1/policies/slow").status, 404);
  ask("POST", "/v1/policies", draft);
  server.on_thread([&] { server.service.rollback_error = Error{ErrorCode::unavailable, "2 faults are left"}; });
  const Answer stuck = ask("DELETE", "/v1/policies/slow");
  EXPECT_EQ(stuck.status, 503);
  EXPECT_EQ(stuck.json().at("message"), "2 faults are left");
  EXPECT_EQ(ask("POST", "/v1/policies/slow/stop").status, 503);
  server.on_thread([&] { server.service.rollback_error.reset(); });
  EXPECT_EQ(ask("DELETE", "/v1/policies/slow").status, 204);
  EXPECT_EQ(ask("POST", "/v1/policies/slow/start").status, 404);
}

TEST_F(Api, SeveralAreStoppedInOneStep) {
  ask("POST", "/v1/policies", draft);
  EXPECT_EQ(ask("POST", "/v1/policies:stop", R"({"names": ["slow", "none"]})").status, 202);
  EXPECT_EQ(get("/v1/policies/slow").json().at("status").at("phase"), "stopped");
  for (const auto* wrong : {"[]", "{}", R"({"names": "slow"})", R"({"names": [1]})"})
    EXPECT_EQ(ask("POST", "/v1/policies:stop", wrong).json().at("errors").at(0).at("field"), "names") << wrong;
}

TEST_F(Api, ProblemDetailsNameEveryField) {
  const Answer answer =
      ask("POST", "/v1/policies", R"({"selector": "", "failure": {"latency": {"delay": 5}}, "probability": 2})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
  const auto body = answer.json();
  EXPECT_EQ(body.at("type"), "about:blank");
  EXPECT_EQ(body.at("title"), "Bad Request");
  EXPECT_EQ(body.at("status"), 400);
  EXPECT_EQ(body.at("detail"), body.at("message"));
  std::vector<std::string> fields;
  for (const auto& each : body.at("errors").as_array()) fields.emplace_back(each.at("field").as_string());
  EXPECT_THAT(fields, testing::UnorderedElementsAre("selector", "failure.latency.delay", "probability"));
}

TEST_F(Api, BodiesAreJson) {
  const auto post = [&](std::string_view type, std::string_view body) {
    return ask("POST", "/v1/policies", body, concat(bearer, "Content-Type: ", type, "\r\n")).status;
  };
  EXPECT_EQ(post("text/plain", draft), 415);
  EXPECT_EQ(post("application/x-www-form-urlencoded", "a=b"), 415);
  EXPECT_EQ(post("application/json", "{"), 400);
  EXPECT_EQ(post("application/json", ""), 400);
  EXPECT_EQ(post("application/json; charset=utf-8", draft), 201);
}

TEST_F(Api, Preview) {
  server.on_thread([&] {
    server.service.target_states = {{"1", "web", "local", true, ""},
                                    {"2", "db", "local", false, "service=web does not hold"}};
  });
  const auto body =
      ask("POST", "/v1/policies:preview", R"({"selector": "service=web", "failure": "partition"})").json();
  EXPECT_EQ(body.at("matched").at(0).at("name"), "web");
  EXPECT_EQ(body.at("skipped").at(0).at("reason"), "service=web does not hold");
  EXPECT_EQ(body.at("windows").at(0).at("planned_start"), "1970-01-01T00:00:05Z");
  EXPECT_TRUE(body.at("windows").at(0).at("planned_end").is_null());
  EXPECT_TRUE(server.on_thread([&] { return server.service.kept.empty(); }));
}

TEST_F(Api, Injectors) {
  server.on_thread([&] {
    server.service.injector_views = {{"abc123",
                                      "entropy-web",
                                      "local",
                                      "c0ffee",
                                      "web",
                                      {"slow"},
                                      control::InjectorState::running,
                                      "netem",
                                      {{"slow", "latency", 4, Time(1s)}},
                                      {},
                                      ""}};
    server.service.log_pieces = {"one\n", "two\n"};
  });
  const auto list = get("/v1/injectors").json();
  EXPECT_EQ(list.at(0).at("target").at("name"), "web");
  EXPECT_EQ(list.at(0).at("active").at(0).at("window"), 4);
  EXPECT_EQ(get("/v1/injectors/abc").json().at("backend"), "netem");
  EXPECT_EQ(get("/v1/injectors/none").status, 404);
  const Answer log = get("/v1/injectors/abc/logs");
  EXPECT_EQ(log.body, "one\ntwo\n");
  EXPECT_EQ(log.headers.at("content-type"), "text/plain; charset=utf-8");
  for (const std::string_view act : {"restart", "pause", "unpause"}) {
    EXPECT_EQ(ask("POST", concat("/v1/injectors/abc/", act)).status, 204);
  }
  EXPECT_EQ(ask("POST", "/v1/injectors/none/pause").status, 404);
  EXPECT_THAT(server.on_thread([&] { return server.service.acts; }),
              testing::ElementsAre("restart abc123", "pause abc123", "unpause abc123"));
}

TEST_F(Api, TargetsFailuresEndpoints) {
  server.on_thread([&] {
    server.service.target_states = {{"1", "web", "local", false, "no"}};
    server.service.endpoint_views = up("unix:///var/run/docker.sock");
  });
  EXPECT_EQ(get("/v1/targets?selector=a%20in%20(b,c)").json().at(0).at("reason"), "no");
  EXPECT_EQ(get("/v1/targets").json().at(0).at("matched"), true);
  EXPECT_EQ(get("/v1/targets?selector=").status, 400);
  EXPECT_EQ(get("/v1/targets?selektor=a").json().at("errors").at(0).at("field"), "selektor");
  const auto failures = get("/v1/failures").json();
  EXPECT_EQ(failures.at(0).at("name"), "latency");
  EXPECT_EQ(failures.at(0).at("parameters").at(0).at("required"), true);
  EXPECT_TRUE(failures.at(0).at("parameters").at(0).at("default").is_null());
  EXPECT_EQ(get("/v1/endpoints").json().at(0).at("backends").at(0), "netem");
}

TEST_F(Api, CustomImages) {
  server.on_thread([&] {
    failure::Kind kind;
    kind.name = "small-mtu";
    server.service.offered = {{"team/x:2", kind}};
    server.service.trial_rules = {{"starts", control::TrialRule::Verdict::pass, ""},
                                  {"ends", control::TrialRule::Verdict::fail, "no"}};
    server.service.trouble = "web: by: is odd";
  });
  const auto failures = get("/v1/failures").json().as_array();
  EXPECT_EQ(failures.back().at("image"), "team/x:2");
  EXPECT_EQ(failures.back().at("name"), "small-mtu");
  const std::string_view policy =
      R"({"name": "p", "selector": "a", "image": "team/x:2", "failure": {"small-mtu": {"by": 5}}})";
  for (const auto* method : {"POST", "PUT"}) {
    const auto answer =
        ask(method, *method == 'P' && method[1] == 'O' ? "/v1/policies" : "/v1/policies/p", policy).json();
    EXPECT_EQ(answer.at("status").at("phase"), "degraded");
    EXPECT_EQ(answer.at("status").at("message"), "web: by: is odd");
    EXPECT_EQ(answer.at("image"), "team/x:2");
  }
  const auto trial = ask("POST", "/v1/injectors:test", R"({"image": "team/x:2", "failure": {"a": {"b": 1}}})").json();
  EXPECT_EQ(trial.at("passed"), false);
  EXPECT_EQ(trial.at("failure").at("a").at("b"), 1);
  EXPECT_EQ(trial.at("rules").at(1).at("verdict"), "fail");
  EXPECT_EQ(ask("POST", "/v1/injectors:test", R"({"image": "team/x:2"})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/injectors:test", R"({"failure": "a"})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/injectors:test", R"({"image": "x", "failure": "a", "window": 5})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/injectors:test", R"([])").status, 400);
  const auto wrong =
      ask("POST", "/v1/injectors:test", R"({"image": "-x", "failure": {"a b": 5}, "endpoint": 1, "imge": 2})").json();
  std::vector<std::string> fields;
  for (const auto& each : wrong.at("errors").as_array()) fields.emplace_back(each.at("field").as_string());
  EXPECT_EQ(fields, (std::vector<std::string>{"endpoint", "imge", "image", "failure", "failure.a b"}));
}

TEST_F(Api, FaultsComeInPages) {
  server.on_thread([&] {
    for (std::uint64_t id = 3; id > 0; --id) {
      control::FaultRecord record;
      record.id = id;
      record.window = id;
      record.outcome = control::Outcome::cut_short;
      server.service.fault_records.push_back(record);
    }
  });
  const auto first = get("/v1/faults?policy=slow&target=web&limit=2&since=10m&until=2030-01-01T00:00:00Z").json();
  EXPECT_EQ(first.at("items").as_array().size(), 2U);
  EXPECT_EQ(first.at("items").at(0).at("outcome"), "cut-short");
  EXPECT_EQ(first.at("next"), "0-2");
  const auto last = get("/v1/faults?limit=2&cursor=0-2").json();
  EXPECT_EQ(last.at("items").at(0).at("window"), 1);
  EXPECT_TRUE(last.at("next").is_null());
  for (const std::string_view bad : {"limit=0", "limit=2000", "limit=x", "cursor=x", "cursor=1", "cursor=-1",
                                     "since=yesterday", "limit=1&limit=2"}) {
    EXPECT_EQ(get(concat("/v1/faults?", bad)).status, 400) << bad;
  }
  const auto all = get("/v1/faults?limit=0&since=yesterday&cursor=x").json();
  EXPECT_EQ(all.at("errors").as_array().size(), 3U);
}

TEST_F(Api, Forecast) {
  ask("POST", "/v1/policies", draft);
  EXPECT_EQ(get("/v1/forecast?policy=slow&until=1h").json().at(0).at("window"), 7);
  EXPECT_EQ(get("/v1/forecast").json().at(0).at("policy"), "slow");
  EXPECT_EQ(get("/v1/forecast?policy=none").status, 404);
  EXPECT_EQ(get("/v1/forecast?until=24h").status, 200);
  EXPECT_EQ(get("/v1/forecast?until=2d").status, 400);
}

TEST_F(Api, HaltIsARedButton) {
  EXPECT_EQ(get("/v1/halt").json().at("halted"), false);
  EXPECT_EQ(ask("PUT", "/v1/halt", R"({"raeson": "x"})").status, 400);
  EXPECT_EQ(ask("PUT", "/v1/halt", R"({"reason": "drill"})").json().at("reason"), "drill");
  EXPECT_EQ(ask("POST", "/v1/policies", draft).status, 409);
  EXPECT_EQ(ask("DELETE", "/v1/halt").json().at("halted"), false);
  EXPECT_EQ(ask("PUT", "/v1/halt").json().at("since"), "1970-01-01T00:00:01Z");
  server.on_thread([&] { server.service.rollback_error = Error{ErrorCode::timeout, "engine a does not answer"}; });
  EXPECT_EQ(ask("PUT", "/v1/halt").status, 503);
}

TEST_F(Api, System) {
  EXPECT_EQ(ask("GET", "/_ping", "", "").body, "OK");
  EXPECT_EQ(ask("GET", "/healthz", "", "").body, "OK");
  EXPECT_EQ(ask("GET", "/readyz", "", "").status, 503);
  server.on_thread([&] { server.service.endpoint_views = up("local"); });
  EXPECT_EQ(ask("GET", "/readyz", "", "").status, 200);
  EXPECT_THAT(ask("GET", "/", "", "").body, HasSubstr("Entropy"));
  EXPECT_EQ(get("/version").json().at("version"), "1.2.3");
  EXPECT_EQ(get("/info").json().at("manager_id"), "manager-1");
}

TEST_F(Api, MetricsOfTheViews) {
  server.on_thread([&] {
    server.service.endpoint_views = up("a\"b\\c\nd");
    control::InjectorView injector;
    injector.active = {{"slow", "latency", 1, {}}};
    server.service.injector_views = {injector, injector};
  });
  ask("POST", "/v1/policies", draft);
  const Answer answer = get("/metrics");
  EXPECT_THAT(answer.headers.at("content-type"), HasSubstr("version=0.0.4"));
  EXPECT_THAT(answer.body, HasSubstr("# TYPE entropy_policies gauge\n"));
  EXPECT_THAT(answer.body, HasSubstr("entropy_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(answer.body, HasSubstr("entropy_halted 0\n"));
  EXPECT_THAT(answer.body, HasSubstr("entropy_policies{phase=\"armed\"} 1\n"));
  EXPECT_THAT(answer.body, HasSubstr("entropy_policies{phase=\"halted\"} 0\n"));
  EXPECT_THAT(answer.body, HasSubstr("entropy_policy_targets{policy=\"slow\"} 1\n"));
  EXPECT_THAT(answer.body, HasSubstr("entropy_faults_active{policy=\"slow\",failure=\"latency\"} 2\n"));
  EXPECT_THAT(answer.body, HasSubstr("entropy_injectors{state=\"starting\",backend=\"none\"} 2\n"));
  EXPECT_THAT(answer.body, HasSubstr("entropy_endpoint_up{endpoint=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST_F(Api, MetricsOfWhatWasCountedAndOfTheProcess) {
  server.on_thread([&] {
    server.service.metrics().window("slow", control::WindowOutcome::hit);
    server.service.metrics().before_collecting([&] { server.service.metrics().orphan_removed(); });
  });
  const std::string body = get("/metrics").body;
  EXPECT_THAT(body, HasSubstr("# TYPE entropy_windows_total counter\n"));
  EXPECT_THAT(body, HasSubstr("entropy_windows_total{outcome=\"hit\",policy=\"slow\"} 1\n"));
  EXPECT_THAT(body, HasSubstr("entropy_orphans_removed_total 1\n")) << "brought up to date for the scrape";
  EXPECT_THAT(body, HasSubstr("# TYPE entropy_inject_duration_seconds histogram\n"));
  EXPECT_THAT(body, HasSubstr("entropy_inject_duration_seconds_bucket{le=\"0.2\"} 0\n"));
  EXPECT_THAT(body, HasSubstr("# TYPE process_cpu_seconds_total counter\n"));
  EXPECT_THAT(body, testing::Not(HasSubstr("process_resident_memory_bytes 0\n")));
  EXPECT_THAT(body, testing::Not(HasSubstr("process_open_fds 0\n")));
}

TEST_F(Api, RequestsAreCountedByPatternAndUnknownPathsAsOne) {
  ask("POST", "/v1/policies", draft);
  get("/v1/policies/slow");
  get("/v1/policies/other");
  get("/nothing/here");
  get("/v1/nothing");
  ask("PATCH", "/v1/policies/slow", "{}");
  ask("GET", "/v1/policies", "", "");
  const std::string body = get("/metrics").body;
  const auto counted = [&](std::string_view code, std::string_view route, int count) {
    return HasSubstr(
        concat("entropy_http_request_duration_seconds_count{code=\"", code, "\",route=\"", route, "\"} ", count, "\n"));
  };
  EXPECT_THAT(body, counted("201", "/v1/policies", 1));
  EXPECT_THAT(body, counted("200", "/v1/policies/{name}", 1));
  EXPECT_THAT(body, counted("404", "/v1/policies/{name}", 1));
  EXPECT_THAT(body, counted("404", "unknown", 2));
  EXPECT_THAT(body, counted("405", "/v1/policies/{name}", 1));
  EXPECT_THAT(body, counted("401", "/v1/policies", 1));
  EXPECT_THAT(body, testing::Not(HasSubstr("nothing")));
}

TEST_F(Api, UnknownPathsAndMethods) {
  EXPECT_EQ(get("/v1/policy").status, 404);
  EXPECT_EQ(get("/v1/policies/").status, 404);
  EXPECT_EQ(get("/v1/policies/a/b/c").status, 404);
  EXPECT_EQ(get("/v1/policies/%").status, 404);
  const Answer refused = ask("PATCH", "/v1/policies/slow", "{}");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.headers.at("allow"), "DELETE, GET, HEAD, OPTIONS, PUT");
  EXPECT_EQ(ask("BREW", "/version").status, 405);
  const Answer options = ask("OPTIONS", "/v1/policies", "", "");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.at("allow"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(get("/version?x=%zz").status, 400);
  EXPECT_EQ(get("http://localhost/version").status, 200);
  EXPECT_EQ(get("https://localhost/version").status, 200);
  EXPECT_EQ(get("http://localhost").status, 200);
  EXPECT_EQ(get("ftp://localhost/version").status, 404);
}

TEST_F(Api, HeadIsGetWithoutBody) {
  const Answer answer = ask("HEAD", "/v1/policies");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-length"), "3");
}

TEST_F(Api, NeedsTheToken) {
  for (const std::string_view header : {"", "Authorization: Bearer wrong!\r\n", "Authorization: Bearer secret2\r\n",
                                        "Authorization: Basic secret\r\n", "Authorization: Bearer\r\n"}) {
    const Answer answer = ask("GET", "/v1/policies", "", header);
    EXPECT_EQ(answer.status, 401) << header;
    EXPECT_THAT(answer.headers.at("www-authenticate"), HasSubstr("Bearer")) << header;
  }
  EXPECT_EQ(ask("GET", "/v1/policies", "", "authorization: bearer secret\r\n").status, 200);
  EXPECT_EQ(ask("GET", "/metrics", "", "").status, 401);
}

TEST_F(Api, AReadTokenOnlyReads) {
  constexpr std::string_view reader = "Authorization: Bearer reader\r\n";
  ask("POST", "/v1/policies", draft);
  EXPECT_EQ(ask("GET", "/v1/policies/slow", "", reader).status, 200);
  EXPECT_EQ(ask("HEAD", "/v1/policies", "", reader).status, 200);
  for (const auto& [method, path] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"POST", "/v1/policies"}, {"DELETE", "/v1/policies/slow"}, {"PUT", "/v1/halt"}, {"DELETE", "/v1/halt"}}) {
    const Answer refused = ask(method, path, "", reader);
    EXPECT_EQ(refused.status, 403) << method << path;
    EXPECT_THAT(refused.body, HasSubstr("may only read"));
  }
  EXPECT_EQ(get("/v1/policies").json().as_array().size(), 1U);
}

TEST_F(Api, EveryChangeIsInTheAuditLog) {
  ask("POST", "/v1/policies", R"({"selector": "a", "failure": "partition"})");
  ask("POST", "/v1/policies:preview", R"({"selector": "a", "failure": "partition"})");
  ask("POST", "/v1/policies", "{");
  get("/v1/policies");
  ask("DELETE", "/v1/policies/made-up", "", "");
  const auto page = get("/v1/audit?limit=1").json();
  EXPECT_EQ(page.at("items").at(0).at("status"), 400);
  EXPECT_EQ(page.at("next"), "2");
  const auto first = get("/v1/audit?cursor=2").json().at("items");
  ASSERT_EQ(first.as_array().size(), 1U);
  EXPECT_EQ(first.at(0).at("by"), "token");
  EXPECT_THAT(std::string(first.at(0).at("from").as_string()), testing::StartsWith("127.0.0.1:"));
  EXPECT_EQ(first.at(0).at("method"), "POST");
  EXPECT_EQ(first.at(0).at("path"), "/v1/policies/made-up");
  EXPECT_EQ(first.at(0).at("status"), 201);
}

TEST_F(Api, TheDescriptionHasExactlyTheRoutes) {
  const auto document = get("/openapi.json").json();
  EXPECT_EQ(document.at("info").at("version"), "1.2.3");
  std::set<std::string> described;
  for (const auto& [path, item] : document.at("paths").as_object()) {
    for (const auto& [method, operation] : item.as_object()) {
      if (method == "parameters") continue;
      std::set<std::string> query;
      if (const auto* parameters = operation.as_object().if_contains("parameters")) {
        for (const auto& each : parameters->as_array()) {
          const std::string_view reference = each.at("$ref").as_string();
          const auto& parameter =
              document.at("components").at("parameters").at(reference.substr(reference.rfind('/') + 1));
          if (parameter.at("in") == "query") query.emplace(parameter.at("name").as_string());
        }
      }
      described.insert(concat(method, " ", path, " ", join(query, ",")));
    }
  }
  std::set<std::string> known;
  for (const auto& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    const std::set<std::string> query(route.query.begin(), route.query.end());
    known.insert(concat(method, " ", route.pattern, " ", join(query, ",")));
  }
  EXPECT_EQ(described, known);
}

TEST_F(Api, AnExceptionIsOneAnswerAndNotTheEnd) {
  server.on_thread([&] { server.service.throws = true; });
  EXPECT_EQ(get("/v1/policies").status, 500);
  EXPECT_EQ(get("/version").status, 200);
}

TEST_F(Api, UnixSocket) {
  const Address& address = server.addresses.at(1);
  struct stat status{};
  ASSERT_EQ(::stat(address.path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660U);
  Wire wire(address);
  wire.request("GET", "/version", bearer);
  EXPECT_EQ(wire.answer().status, 200);
  server.stop(1s);
  EXPECT_NE(::stat(address.path.c_str(), &status), 0);
}

}  // namespace
}  // namespace entropy::api
