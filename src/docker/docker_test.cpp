// The pure parts: addresses, frames, JSON, what is sent, the image archive.
#include <gmock/gmock.h>

#include "base/text.hpp"
#include "docker/client.hpp"
#include "docker/decode.hpp"
#include "docker/encode.hpp"
#include "docker/frame_demux.hpp"
#include "docker/image_archive.hpp"
#include "docker/json_stream.hpp"

namespace entropy::docker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(ParseAddress, ReadsSocketsAndHosts) {
  const auto socket = parse_address("unix:///var/run/docker.sock");
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->kind, Address::Kind::unix_socket);
  EXPECT_EQ(socket->path, "/var/run/docker.sock");
  EXPECT_EQ(socket->text, "unix:///var/run/docker.sock");
  const auto host = parse_address("tcp://engine.example:2376");
  ASSERT_TRUE(host);
  EXPECT_EQ(host->kind, Address::Kind::tcp);
  EXPECT_EQ(host->host, "engine.example");
  EXPECT_EQ(host->port, "2376");
  EXPECT_EQ(parse_address("tcp://engine").value().port, "2375");
  EXPECT_EQ(parse_address("tcp://[::1]:99").value().host, "::1");
  EXPECT_EQ(parse_address("tcp://[::1]:99").value().port, "99");
  EXPECT_EQ(parse_address("tcp://[::1]").value().port, "2375");
  EXPECT_FALSE(host->tls);
  const auto own = parse_address("tcp://engine?cert-path=/certs/a%20b").value();
  EXPECT_TRUE(own.tls);
  EXPECT_EQ(own.cert_path, "/certs/a b");
  EXPECT_EQ(own.port, "2376");
  EXPECT_EQ(own.text, "tcp://engine");
  EXPECT_TRUE(parse_address("https://engine:1").value().tls);
}

TEST(ParseAddress, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no scheme"},
      {"/var/run/docker.sock", "did you mean \"unix:///var/run/docker.sock\""},
      {"host:2375", "tcp://host:2375"},
      {"unix://", "absolute"},
      {"unix://docker.sock", "absolute"},
      {"unix:///" + std::string(108, 'x'), "longer than"},
      {"tcp://", "no host"},
      {"tcp://:2375", "no host"},
      {"tcp://host:", "port"},
      {"tcp://host:0", "port"},
      {"tcp://host:65536", "port"},
      {"tcp://host:2x", "port"},
      {"tcp://[::1", "no host"},
      {"tcp://[::1]x", "no host"},
      {"tcp://::1:2375", "port"},
      {"tcp://user@host", "no host"},
      {"tcp://host/path", "path"},
      {"tcp://host?cert-path", "cert-path=DIR"},
      {"tcp://host?certs=/x", "cert-path=DIR"},
      {"http://host:1", "tcp://host:1"},
      {"npipe:////./pipe/docker_engine", "Windows"},
      {"ssh://host", "ssh -L"},
      {"ftp://host", "unknown scheme"},
  };
  for (const auto& [text, why] : cases) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, ErrorCode::invalid);
    EXPECT_THAT(address.error().message, HasSubstr(why));
  }
}

std::string frame(char stream, std::string_view payload) {
  std::string out(8, '\0');
  out[0] = stream;
  for (int i = 0; i < 4; ++i) out[static_cast<std::size_t>(7 - i)] = static_cast<char>(payload.size() >> (8 * i));
  return out.append(payload);
}

// What comes out of a stream that arrives in these parts, as "o<bytes>" and "e<bytes>", equal neighbours joined.
std::string demuxed(std::vector<std::string_view> parts) {
  FrameDemux demux;
  std::string out;
  char last = 0;
  for (std::string_view part : parts) {
    auto piece = demux.next(part);
    for (; piece && *piece; piece = demux.next(part)) {
      const char kind = (*piece)->is_stderr ? 'e' : 'o';
      if (kind != last) out += last = kind;
      out += (*piece)->bytes;
    }
    if (!piece) return "error";
  }
  return demux.at_boundary() ? out : out + "...";
}

TEST(FrameDemux, IsTheSameWhereverTheStreamIsCut) {
  const std::string stream = frame(1, "hello\n") + frame(2, "bad") + frame(1, "") + frame(0, "x") + frame(3, "y");
  const std::string expected = "ohello\nebadoxey";
  EXPECT_EQ(demuxed({stream}), expected);
  for (std::size_t a = 0; a <= stream.size(); ++a) {
    for (std::size_t b = a; b <= stream.size(); ++b) {
      const std::string_view all = stream;
      ASSERT_EQ(demuxed({all.substr(0, a), all.substr(a, b - a), all.substr(b)}), expected) << a << " " << b;
    }
  }
}

TEST(FrameDemux, PassesAHugeFrameOnAsItComes) {
  const std::string header("\x01\0\0\0\xff\xff\xff\xff", 8);
  EXPECT_EQ(demuxed({header + "abc"}), "oabc...");
  EXPECT_EQ(demuxed({std::string_view(header).substr(0, 3)}), "...");
}

TEST(FrameDemux, RefusesWhatIsNotMultiplexed) {
  EXPECT_EQ(demuxed({"hello, I am a terminal"}), "error");
  EXPECT_EQ(demuxed({std::string_view("\x04\0\0\0\0\0\0\0", 8)}), "error");
  EXPECT_EQ(demuxed({std::string_view("\x01\0\0\x01\0\0\0\0", 8)}), "error");
}

TEST(JsonStream, IsTheSameWhereverTheStreamIsCut) {
  const std::string text = " {\"a\":\"\xc3\xa9}\\\"{\",\"b\":[1,{}]}\n{\"a\":2}{}\r\n\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    JsonStream stream;
    std::vector<std::string> values;
    const std::string_view all = text;
    for (std::string_view part : {all.substr(0, cut), all.substr(cut)}) {
      auto value = stream.next(part);
      for (; value && *value; value = stream.next(part)) values.push_back(boost::json::serialize(**value));
      ASSERT_TRUE(value) << cut << value.error().message;
    }
    ASSERT_THAT(values, ElementsAre("{\"a\":\"\xc3\xa9}\\\"{\",\"b\":[1,{}]}", "{\"a\":2}", "{}")) << cut;
    ASSERT_TRUE(stream.at_boundary());
  }
}

TEST(JsonStream, RefusesGarbageAndEndlessValues) {
  std::string_view garbage = "{\"a\":1}<html>";
  JsonStream stream;
  EXPECT_TRUE(stream.next(garbage).value());
  EXPECT_EQ(stream.next(garbage).error().code, ErrorCode::protocol);
  JsonStream endless;
  const std::string part(100'000, 'x');
  std::string_view open = "\"";
  ASSERT_TRUE(endless.next(open));
  Result<std::optional<boost::json::value>> last;
  for (int i = 0; i < 11 && last; ++i) {
    std::string_view rest = part;
    last = endless.next(rest);
  }
  EXPECT_FALSE(last);
}

template <class T>
Result<T> decode(Result<T> (*decoder)(const boost::json::value&), std::string_view text) {
  const auto value = parse_json(text);
  if (!value) return fail(value.error());
  return decoder(*value);
}

TEST(Decode, ReadsContainers) {
  const auto list = decode(decode_containers, R"([
    {"Id":"c1","Names":["/other/alias","/web"],"Image":"nginx","State":"running","Labels":{"a":"1","b":""},
     "HostConfig":{"NetworkMode":"default"},"Unknown":[1,2],
     "NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2","GlobalIPv6Address":"","Aliases":null},
                                    "none":null}}},
    {"Id":"c2","Labels":null,"Names":null,"NetworkSettings":null}])");
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 2u);
  const Container& web = list->front();
  EXPECT_EQ(web.name, "web");
  EXPECT_EQ(web.image, "nginx");
  EXPECT_EQ(web.state, "running");
  EXPECT_EQ(web.network_mode, "default");
  EXPECT_THAT(web.labels, ElementsAre(Pair("a", "1"), Pair("b", "")));
  EXPECT_THAT(web.networks, ElementsAre(Network{"bridge", "172.17.0.2", ""}, Network{"none", "", ""}));
  Container bare;
  bare.id = "c2";
  EXPECT_EQ(list->back(), bare);
}

TEST(Decode, NamesTheFieldOfAWrongType) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({})", "not an array"},
      {R"([1])", "not an object"},
      {R"([{"Names":["/x"]}])", "\"Id\" is not there"},
      {R"([{"Id":5}])", "\"Id\" is not a string"},
      {R"([{"Id":"x","Names":"/x"}])", "\"Names\" is not an array"},
      {R"([{"Id":"x","Names":[1]}])", "\"Names\" is not an array of strings"},
      {R"([{"Id":"x","Labels":{"k":1}}])", "\"Labels.k\" is not a string"},
      {R"([{"Id":"x","Labels":[]}])", "\"Labels\" is not an object"},
      {R"([{"Id":"x","NetworkSettings":{"Networks":{"n":{"IPAddress":1}}}}])",
       "\"NetworkSettings.Networks.n.IPAddress\""},
      {R"([{"Id":"x"})", "not JSON"},
      {"", "not JSON"},
      {"<html>", "not JSON"},
      {std::string(100, '['), "not JSON"},
  };
  for (const auto& [text, why] : cases) {
    const auto list = decode(decode_containers, text);
    ASSERT_FALSE(list) << text;
    EXPECT_EQ(list.error().code, ErrorCode::protocol);
    EXPECT_THAT(list.error().message, HasSubstr(why));
  }
}

TEST(Decode, ReadsDetails) {
  const auto details = decode(decode_details, R"({"Id":"c1","Name":"/web","Image":"sha256:1",
    "Config":{"Image":"nginx","Labels":{"a":"1"}},"HostConfig":{"NetworkMode":"container:c0"},
    "State":{"Status":"exited","StartedAt":"2026-11-22T10:00:00.1Z","Pid":0,"ExitCode":137,"OOMKilled":true}})");
  ASSERT_TRUE(details) << details.error().message;
  EXPECT_EQ(details->container.name, "web");
  EXPECT_EQ(details->container.image, "nginx");
  EXPECT_EQ(details->container.state, "exited");
  EXPECT_EQ(details->container.network_mode, "container:c0");
  EXPECT_EQ(details->started_at, "2026-11-22T10:00:00.1Z");
  EXPECT_EQ(details->exit_code, 137);
  EXPECT_TRUE(details->oom_killed);
  EXPECT_FALSE(decode(decode_details, R"({"Id":"x","State":{"Pid":"1"}})"));
  EXPECT_FALSE(decode(decode_details, R"({"Id":"x","State":{"Pid":1.5}})"));
  EXPECT_FALSE(decode(decode_details, R"({"Id":"x","State":{"OOMKilled":0}})"));
}

TEST(Decode, ReadsWhatBoundsAContainerAndWhatItUses) {
  const auto details = decode(decode_details, R"({"Id":"c1","RestartCount":2,
    "HostConfig":{"NanoCpus":500000000,"Memory":64,"MemorySwap":-1,"PidsLimit":null,"AutoRemove":true,
                  "RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3}},
    "State":{"FinishedAt":"2026-11-22T10:00:00Z","Health":{"Status":"starting"}}})");
  ASSERT_TRUE(details) << details.error().message;
  Limits limits;
  limits.nano_cpus = 500'000'000;
  limits.memory = 64;
  limits.memory_swap = -1;
  EXPECT_EQ(details->limits, limits);
  EXPECT_EQ(encode(limits), R"({"NanoCpus":500000000,"Memory":64,"MemorySwap":-1})");
  EXPECT_EQ(details->restart.name, "on-failure");
  EXPECT_EQ(details->restart.most, 3);
  EXPECT_EQ(details->restart_count, 2);
  EXPECT_EQ(details->container.health, "starting");
  EXPECT_TRUE(details->auto_remove);
  const auto usage = decode(decode_usage, R"({"pids_stats":{"current":3},
    "memory_stats":{"usage":1000,"stats":{"inactive_file":300}}})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->memory, 700U);
  EXPECT_EQ(usage->pids, 3U);
  EXPECT_EQ(decode(decode_usage, R"({"memory_stats":{"usage":1,"stats":{"total_inactive_file":9}}})")->memory, 0U);
  EXPECT_FALSE(decode(decode_usage, R"({"memory_stats":5})"));
}

TEST(Decode, ReadsHealth) {
  const auto list = decode(decode_containers, R"json([{"Id":"a","Status":"Up 3 minutes (unhealthy)"},
    {"Id":"b","Status":"Up 2 seconds (health: starting)"}, {"Id":"c","Status":"Up 1 second (healthy)"},
    {"Id":"d","Status":"Up 1 second"}])json");
  ASSERT_TRUE(list) << list.error().message;
  std::vector<std::string> health;
  for (const auto& each : *list) health.push_back(each.health);
  EXPECT_THAT(health, ElementsAre("unhealthy", "starting", "healthy", ""));
  const auto details = decode(decode_details, R"({"Id":"x","Created":"2026-11-22T10:00:00.123456789Z","State":{"Health":
    {"Status":"unhealthy","Log":[{"ExitCode":0,"Output":""},{"ExitCode":1,"Output":"refused\n"}]}}})");
  ASSERT_TRUE(details) << details.error().message;
  EXPECT_EQ(details->container.health, "unhealthy");
  EXPECT_EQ(details->health_output, "refused");
  EXPECT_EQ(details->created, parse_rfc3339("2026-11-22T10:00:00.123456Z").value());
  EXPECT_EQ(decode(decode_details, R"({"Id":"x","State":{"Health":{"Status":"none","Log":null}}})")->container.health,
            "");
  const std::string half = std::string(199, 'x');
  const auto chatty =
      decode(decode_details, concat(R"({"Id":"x","State":{"Health":{"Log":[{"Output":")", half, "\u00e9\"}]}}}"));
  ASSERT_TRUE(chatty) << chatty.error().message;
  EXPECT_EQ(chatty->health_output, half) << "and no piece of the character behind it";
}

TEST(Decode, ReadsEvents) {
  const auto event = decode(decode_event, R"({"status":"start","Type":"container","Action":"start",
    "Actor":{"ID":"c1","Attributes":{"name":"web"}},"time":1763800000,"timeNano":1763800000123456789})");
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->type, "container");
  EXPECT_EQ(event->action, "start");
  EXPECT_EQ(event->id, "c1");
  EXPECT_THAT(event->attributes, ElementsAre(Pair("name", "web")));
  EXPECT_EQ(event->time, Time(1763800000123456us));
  EXPECT_EQ(decode(decode_event, R"({"time":5})").value().time, Time(5s));
  EXPECT_FALSE(decode(decode_event, R"({"time":"now"})"));
  EXPECT_TRUE(decode(decode_event, R"({"time":9223372036854775807})"));
  EXPECT_FALSE(decode(decode_event, R"([])"));
}

TEST(Decode, ReadsInfoAndTheEndOfALoad) {
  const auto info = decode(decode_info, R"({"Name":"host","ServerVersion":"20.10"})");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->name, "host");
  EXPECT_EQ(info->swarm.state, "");
  EXPECT_TRUE(decode_load("{\"stream\":\"Loaded image: x\\n\"}\r\n"));
  EXPECT_TRUE(decode_load(""));
  EXPECT_THAT(decode_load(R"({"stream":"a"}{"errorDetail":{"message":"m"},"error":"no space"})").error().message,
              HasSubstr("no space"));
  EXPECT_FALSE(decode_load(R"({"stream":"a)"));
  EXPECT_FALSE(decode_load("<html>"));
  EXPECT_TRUE(decode_pull(R"({"status":"Pulling from x"}{"status":"Downloaded"})"));
  EXPECT_EQ(decode_pull(R"({"status":"a"}{"error":"manifest unknown"})").error().message, "manifest unknown");
  EXPECT_EQ(decode_message(R"({"message":"no such container"})"), "no such container");
  EXPECT_EQ(decode_message("<html>"), "");
}

TEST(Decode, ReadsImages) {
  const auto image = decode(decode_image, R"({"RepoTags":["a:1"],"Config":{"Labels":{"k":"v"}}})");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->labels.at("k"), "v");
  EXPECT_EQ(image->tags, std::vector<std::string>{"a:1"});
  EXPECT_TRUE(decode(decode_image, R"({"RepoTags":null,"Config":null})"));
  EXPECT_EQ(decode(decode_images, R"([{"RepoTags":["a:1"],"Labels":{"k":"v"}},{"Labels":null}])")->size(), 2U);
  EXPECT_FALSE(decode(decode_images, "{}"));
}

TEST(Encode, APullNamesOneTag) {
  EXPECT_EQ(pull_target("busybox"), "/images/create?fromImage=busybox&tag=latest");
  EXPECT_EQ(pull_target("busybox:1"), "/images/create?fromImage=busybox&tag=1");
  EXPECT_EQ(pull_target("host:5000/a/b"), "/images/create?fromImage=host%3A5000%2Fa%2Fb&tag=latest");
  EXPECT_EQ(pull_target("host:5000/a:2"), "/images/create?fromImage=host%3A5000%2Fa&tag=2");
  EXPECT_EQ(pull_target("a@sha256:00"), "/images/create?fromImage=a&tag=sha256%3A00");
}

TEST(Decode, ReadsWhatANodeIsInItsSwarm) {
  const auto manager = decode(decode_info, R"({"Swarm":{"NodeID":"n1","NodeAddr":"10.0.0.1","LocalNodeState":"active",
      "ControlAvailable":true,"Error":"","RemoteManagers":[{"NodeID":"n1","Addr":"10.0.0.1:2377"}]}})");
  ASSERT_TRUE(manager);
  EXPECT_TRUE(manager->swarm.manager);
  EXPECT_EQ(manager->swarm.state, "active");
  EXPECT_EQ(manager->swarm.id, "n1");
  EXPECT_THAT(manager->swarm.managers, ElementsAre("n1"));
  const auto alone = decode(decode_info, R"({"Swarm":{"NodeID":"","LocalNodeState":"inactive","ControlAvailable":false,
      "RemoteManagers":null}})");
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->swarm.state, "inactive");
  EXPECT_FALSE(alone->swarm.manager);
  EXPECT_THAT(decode(decode_info, R"({"Swarm":{"RemoteManagers":[{"NodeID":5}]}})").error().message,
              HasSubstr("Swarm.RemoteManagers.NodeID"));
  EXPECT_FALSE(decode(decode_info, R"({"Swarm":{"RemoteManagers":{}}})"));
}

TEST(Decode, ReadsServices) {
  const auto services = decode(decode_services, R"([{"ID":"s1","Version":{"Index":9},"Spec":{"Name":"shop_db",
      "Labels":{"tier":"gold"},"Mode":{"Replicated":{"Replicas":2}}},
      "Endpoint":{"VirtualIPs":[{"NetworkID":"n1","Addr":"10.0.1.2/24"},{"NetworkID":"n2"}]}},{"ID":"s2","Spec":{"Name":"web","Labels":null}}])");
  ASSERT_TRUE(services);
  EXPECT_EQ(services->at(0), (SwarmService{"s1", "shop_db", {{"tier", "gold"}}, {"10.0.1.2/24"}}));
  EXPECT_EQ(services->at(1), (SwarmService{"s2", "web", {}}));
  EXPECT_THAT(decode(decode_services, R"([{"Spec":{}}])").error().message, HasSubstr("\"ID\""));
  EXPECT_FALSE(decode(decode_services, R"([{"ID":"s1","Spec":{"Labels":[]}}])"));
  EXPECT_FALSE(decode(decode_services, R"({"message":"no"})"));
}

TEST(Encode, SendsOnlyWhatIsAskedFor) {
  ContainerSpec spec;
  spec.image = "img";
  EXPECT_EQ(encode(spec), R"({"Image":"img","HostConfig":{}})");
  spec.command = {"a", "b c"};
  spec.labels = {{"k", "v\"w"}};
  spec.open_stdin = true;
  spec.network_mode = "container:x";
  spec.pids_limit = 7;
  EXPECT_EQ(encode(spec), R"({"Image":"img","Cmd":["a","b c"],"Labels":{"k":"v\"w"},"OpenStdin":true,)"
                          R"("HostConfig":{"NetworkMode":"container:x","PidsLimit":7}})");
}

TEST(Encode, EscapesWhatGoesIntoTargets) {
  EXPECT_EQ(container_target("a/b?c#\xc3\xa9", "/json"), "/containers/a%2Fb%3Fc%23%C3%A9/json");
  EXPECT_EQ(with_query("/x", {{"a", "1 2"}, {"b", ""}}), "/x?a=1%202&b=");
  EXPECT_EQ(label_filters({"k", "k=v"}), R"({"label":["k","k=v"]})");
}

TEST(ParseApiVersion, ReadsTwoNumbers) {
  EXPECT_EQ(parse_api_version("1.41"), (ApiVersion{1, 41}));
  EXPECT_LT((ApiVersion{1, 9}), (ApiVersion{1, 41}));
  for (const auto* text : {"", "1", "1.", "1.x", "1.41.2", "-1.4", "1.99999999999"})
    EXPECT_FALSE(parse_api_version(text));
}

TEST(MakeImage, IsTheSameEveryTime) {
  const auto make = [](std::string bytes) {
    return make_image("x:y", {{"/a/b", 0755, std::move(bytes)}}, {"/a/b"}, {{"k", "v"}}).value();
  };
  const Image image = make("bytes");
  EXPECT_EQ(image.tar, make("bytes").tar);
  EXPECT_NE(image.id, make("other").id);
  EXPECT_THAT(image.id, testing::MatchesRegex("sha256:[0-9a-f]{64}"));
  EXPECT_EQ(image.tar.size() % 512, 0u);
  EXPECT_THAT(image.tar, HasSubstr(R"("RepoTags":["x:y"])"));
  EXPECT_THAT(image.tar, HasSubstr(concat(image.id.substr(7), ".json")));
}

TEST(MakeImage, RefusesPathsThatDoNotFit) {
  for (const std::string& path :
       {std::string("relative"), std::string("/folder/"), std::string(), "/" + std::string(99, 'x')}) {
    EXPECT_FALSE(make_image("x:y", {{path, 0644, ""}}, {}, {})) << path;
  }
}

TEST(Operation, NamesWhatIsAskedAndNotOfWhom) {
  EXPECT_EQ(operation_of("GET", "/_ping"), "GET /_ping");
  EXPECT_EQ(operation_of("GET", "/v1.41/info"), "GET /info");
  EXPECT_EQ(operation_of("GET", "/v1.41/containers/json?all=1"), "GET /containers/json");
  EXPECT_EQ(operation_of("POST", "/v1.41/containers/create?name=json"), "POST /containers/create");
  EXPECT_EQ(operation_of("POST", "/v1.41/containers/0a1b/start"), "POST /containers/{id}/start");
  EXPECT_EQ(operation_of("DELETE", "/v1.41/containers/db?force=1"), "DELETE /containers/{id}");
  EXPECT_EQ(operation_of("GET", "/v1.41/images/a%2Fb%3Ac/json"), "GET /images/{id}/json");
  EXPECT_EQ(operation_of("POST", "/v1.41/images/load?quiet=1"), "POST /images/load");
  EXPECT_EQ(operation_of("GET", "/version"), "GET /version") << "no version in front of it";
}

}  // namespace
}  // namespace entropy::docker
