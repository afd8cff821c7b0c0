// Connections at their limits, streams, who may connect.
#include <gmock/gmock.h>

#include <numeric>

#include "api/outbox.hpp"
#include "fakes/api_fixture.hpp"
#include "fakes/wire.hpp"

namespace entropy::api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

Options open_to_all() {
  Options options;
  options.no_auth = true;
  return options;
}

control::Event event(std::uint64_t id, std::string type = "fault.started") {
  return {id, Time(std::chrono::seconds(id)), std::move(type), "slow", "web", "local", {{"window", id}}};
}

TEST(Connection, IsKeptAlive) {
  RunningServer server(open_to_all());
  Wire wire(server.addresses.front());
  for (int i = 0; i < 3; ++i) {
    wire.request("GET", "/_ping");
    EXPECT_EQ(wire.answer().body, "OK");
  }
  wire.request("GET", "/_ping", "Connection: close\r\n");
  EXPECT_EQ(wire.answer().body, "OK");
  EXPECT_EQ(wire.read_to_end(), "");
}

TEST(Connection, AnswersPipelinedRequestsInOrder) {
  RunningServer server(open_to_all());
  Wire wire(server.addresses.front());
  wire.send("GET /_ping HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/halt HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(wire.answer().body, "OK");
  EXPECT_THAT(wire.answer().body, HasSubstr("halted"));
}

TEST(Connection, SaysContinue) {
  RunningServer server(open_to_all());
  Wire wire(server.addresses.front());
  wire.send("PUT /v1/halt HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(wire.head().status, 100);
  wire.send("{}");
  EXPECT_EQ(wire.answer().status, 200);
}

TEST(Connection, RefusesWhatIsTooLarge) {
  RunningServer server(open_to_all());
  const std::string long_text(2'000'000, 'a');
  const auto status_of = [&](const std::string& bytes) {
    Wire wire(server.addresses.front());
    wire.send(bytes);
    const int status = wire.answer().status;
    wire.close();
    return status;
  };
  EXPECT_EQ(status_of(concat("GET / HTTP/1.1\r\nHost: localhost\r\nX: ", long_text.substr(0, 17'000), "\r\n\r\n")),
            431);
  EXPECT_EQ(status_of(concat("GET /", long_text)), 431);
  EXPECT_EQ(
      status_of(concat("POST /v1/policies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n", long_text)),
      413);
  EXPECT_EQ(status_of("POST /v1/policies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999999999\r\n\r\n"),
            413);
  EXPECT_EQ(status_of(concat("POST /v1/policies HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
                             "1E8480\r\n", long_text, "\r\n0\r\n\r\n")),
            413);
}

TEST(Connection, SurvivesGarbage) {
  RunningServer server(open_to_all());
  for (const std::string_view garbage :
       {"garbage\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost a\r\n\r\n",
        "POST /v1/policies HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"}) {
    Wire wire(server.addresses.front());
    wire.send(garbage);
    EXPECT_EQ(wire.answer().status, 400) << garbage;
  }
  for (const std::string_view half :
       {"", "G", "GET / HTTP/1.1\r\nHo", "POST /v1/policies HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"}) {
    Wire wire(server.addresses.front());
    wire.send(half);
    wire.close();
  }
  Wire wire(server.addresses.front());
  wire.request("GET", "/_ping");
  EXPECT_EQ(wire.answer().body, "OK");
}

TEST(Connection, EndsWhenTheRequestDoesNotArrive) {
  Options options = open_to_all();
  options.limits.idle = 50ms;
  RunningServer server(options);
  for (const std::string_view slow :
       {"", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"}) {
    Wire wire(server.addresses.front());
    wire.send(slow);
    EXPECT_EQ(wire.read_to_end(), "") << slow;
  }
}

TEST(Connection, OneTooManyIsTurnedAway) {
  Options options = open_to_all();
  options.limits.connections = 1;
  RunningServer server(options);
  Wire first(server.addresses.front());
  first.request("GET", "/_ping");
  EXPECT_EQ(first.answer().status, 200);
  Wire second(server.addresses.front());
  EXPECT_EQ(second.answer().status, 503);
  first.request("GET", "/_ping");
  EXPECT_EQ(first.answer().status, 200);
}

TEST(Access, WithoutTokenHostAndOriginAreChecked) {
  Options options = open_to_all();
  options.allow_hosts = {"chaos.example"};
  RunningServer server(options, true);
  const auto status_of = [&](std::string_view host, std::string_view origin, std::size_t address = 0) {
    Wire wire(server.addresses.at(address));
    const std::string origin_line = origin.empty() ? "" : concat("Origin: ", origin, "\r\n");
    wire.send(concat("GET /v1/policies HTTP/1.1\r\nHost: ", host, "\r\n", origin_line, "\r\n"));
    return wire.answer().status;
  };
  EXPECT_EQ(status_of("localhost:7890", ""), 200);
  EXPECT_EQ(status_of("127.0.0.1:7890", "http://127.0.0.1:7890"), 200);
  EXPECT_EQ(status_of("[::1]:7890", "http://[::1]:3000"), 200);
  EXPECT_EQ(status_of("Chaos.Example", "https://chaos.example"), 200);
  EXPECT_EQ(status_of("evil.example", ""), 403);
  EXPECT_EQ(status_of("localhost.evil.example", ""), 403);
  EXPECT_EQ(status_of("", ""), 403);
  EXPECT_EQ(status_of("localhost", "http://evil.example"), 403);
  EXPECT_EQ(status_of("localhost", "null"), 403);
  EXPECT_EQ(status_of("docker", "", 1), 200);
}

TEST(Access, BeyondLoopbackIsAskedForByName) {
  boost::asio::io_context context;
  control::FakeService service;
  Server server(context.get_executor(), service, {});
  const auto refused = server.listen({{Address::Kind::tcp, "0.0.0.0", 0, ""}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("--no-tls"));
  Options options;
  options.no_tls = true;
  Server trusting(context.get_executor(), service, options);
  const auto without_certificate = trusting.listen({{Address::Kind::tcp, "127.0.0.1", 0, "", true}});
  ASSERT_FALSE(without_certificate);
  EXPECT_THAT(without_certificate.error().message, HasSubstr("--tlscert"));
  EXPECT_TRUE(trusting.listen({{Address::Kind::tcp, "0.0.0.0", 0, ""}}));
}

TEST(Access, AnAddressInUseIsSaid) {
  RunningServer server(open_to_all(), true);
  boost::asio::io_context context;
  control::FakeService service;
  Server second(context.get_executor(), service, {});
  for (const auto& address : server.addresses) {
    const auto refused = second.listen({address});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr(to_string(address)));
  }
  EXPECT_TRUE(second.addresses().empty());
}

TEST(Events, AsServerSentEvents) {
  RunningServer server(open_to_all());
  Wire wire(server.addresses.front());
  wire.request("GET", "/events");
  EXPECT_EQ(wire.head().headers.at("content-type"), "text/event-stream");
  wire.read_until(": connected\n\n");
  server.on_thread([&] { server.service.emit(event(1)); });
  wire.read_until("id: 1\n");
  EXPECT_EQ(wire.read_until("\n\n"),
            "event: fault.started\ndata: {\"id\":1,\"time\":\"1970-01-01T00:00:01Z\",\"type\":\"fault.started\","
            "\"policy\":\"slow\",\"target\":\"web\",\"endpoint\":\"local\",\"data\":{\"window\":1}}\n\n");
  wire.close();
  server.wait_until([&] { return server.service.listeners() == 0; });
}

TEST(Events, EachListenerGetsEachEventOnceInOrder) {
  RunningServer server(open_to_all());
  struct Client {
    std::unique_ptr<Wire> wire;
    std::uint64_t joined;  // with the event that was the last one then
  };
  const auto mark = [](std::uint64_t id) { return concat("{\"id\":", id, ","); };
  std::vector<Client> clients;
  std::uint64_t told = 1;
  server.on_thread([&] { server.service.emit(event(told)); });
  for (const std::string accept :
       {"text/event-stream", "application/jsonl", "text/event-stream", "application/jsonl"}) {
    clients.push_back({std::make_unique<Wire>(server.addresses.front()), told + 1});
    clients.back().wire->request("GET", "/events", concat("Accept: ", accept, "\r\nLast-Event-ID: ", told, "\r\n"));
    server.on_thread([&] { server.service.emit(event(++told)); });
    clients.back().wire->read_until(mark(told));
  }
  constexpr std::uint64_t last = 50;
  while (told < last) server.on_thread([&] { server.service.emit(event(++told)); });
  for (const auto& client : clients) {
    const std::string text = client.wire->read_until(mark(last));
    std::vector<std::uint64_t> ids;
    for (std::size_t at = text.find("{\"id\":"); at != std::string::npos; at = text.find("{\"id\":", at + 1))
      ids.push_back(std::stoul(text.substr(at + 6, 4)));
    std::vector<std::uint64_t> wanted(last - client.joined);
    std::iota(wanted.begin(), wanted.end(), client.joined + 1);
    EXPECT_EQ(ids, wanted);
  }
}

TEST(Events, AsJsonLinesFromATimeOn) {
  RunningServer server(open_to_all());
  server.on_thread([&] { server.service.events = {event(1), event(2), event(3)}; });
  Wire wire(server.addresses.front());
  wire.request("GET", "/events?since=1970-01-01T00:00:02Z", "Accept: application/jsonl\r\n");
  EXPECT_EQ(wire.head().headers.at("content-type"), "application/jsonl");
  wire.read_until("\r\n");
  EXPECT_THAT(wire.read_until("\n"), StartsWith("{\"id\":2,"));
  EXPECT_THAT(wire.read_until("\n"), StartsWith("{\"id\":3,"));
  server.wait_until([&] { return server.service.listeners() == 1; });
  server.on_thread([&] { server.service.emit(event(4)); });
  EXPECT_THAT(wire.read_until("}}\n"), HasSubstr("{\"id\":4,"));
}

TEST(Events, AreReplayedOrReset) {
  RunningServer server(open_to_all());
  server.on_thread([&] {
    server.service.events = {event(5), event(6)};
    server.service.oldest_replayable = 5;
  });
  Wire wire(server.addresses.front());
  wire.request("GET", "/events", "Last-Event-ID: 5\r\n");
  EXPECT_THAT(wire.read_until("data"), testing::AllOf(HasSubstr("id: 6\n"), testing::Not(HasSubstr("id: 5\n"))));
  Wire late(server.addresses.front());
  late.request("GET", "/events", "Last-Event-ID: 1\r\n");
  EXPECT_THAT(late.read_until("data:"), testing::Not(HasSubstr("id:")));
}

TEST(Events, ResetIsSentAndLiveEventsFollow) {
  RunningServer server(open_to_all());
  server.on_thread([&] { server.service.oldest_replayable = 5; });
  Wire late(server.addresses.front());
  late.request("GET", "/events", "Last-Event-ID: 1\r\n");
  late.read_until("event: reset\n");
  server.wait_until([&] { return server.service.listeners() == 1; });
  server.on_thread([&] { server.service.emit(event(9)); });
  late.read_until("id: 9\n");
  Wire bad(server.addresses.front());
  bad.request("GET", "/events", "Last-Event-ID: x\r\n");
  EXPECT_EQ(bad.answer().status, 400);
}

TEST(Events, HeartbeatsOnAQuietStream) {
  Options options = open_to_all();
  options.limits.heartbeat = 5ms;
  RunningServer server(options);
  Wire wire(server.addresses.front());
  wire.request("GET", "/events");
  EXPECT_THAT(wire.read_until(": still here\n\n"), HasSubstr("still here"));
}

TEST(Outbox, SharesWhatWaitsAndJoinsWhatIsSmall) {
  boost::asio::io_context io;
  const auto piece = std::make_shared<const std::string>(20'000, 'x');
  std::vector<std::unique_ptr<Outbox>> boxes;
  for (int i = 0; i < 10; ++i) {
    boxes.push_back(std::make_unique<Outbox>(io.get_executor(), 30'000));
    EXPECT_TRUE(boxes.back()->push(piece));
    EXPECT_FALSE(boxes.back()->push(piece)) << "it is full";
    for (const std::string_view small : {"a", "b", "c"}) EXPECT_TRUE(boxes.back()->push(small));
  }
  EXPECT_EQ(piece.use_count(), 11);
  const auto take = [&] {
    io.restart();
    auto taken = boost::asio::co_spawn(io, boxes.front()->take(1ms), boost::asio::use_future);
    io.run();
    return taken.get();
  };
  EXPECT_EQ(take(), piece);
  EXPECT_EQ(*take(), "abc");
  EXPECT_EQ(take(), nullptr);
  EXPECT_TRUE(boxes.front()->push(std::string(50'000, 'y'))) << "a larger one goes into an empty one";
  boxes.front()->close();
  EXPECT_FALSE(boxes.front()->push("z"));
  EXPECT_EQ(take()->size(), 50'000U);
  EXPECT_EQ(take(), nullptr);
}

TEST(Events, ASlowConsumerIsDropped) {
  Options options = open_to_all();
  options.limits.queued_bytes = 1'000'000;
  RunningServer server(options);
  Wire slow(server.addresses.front());
  slow.request("GET", "/events");
  Wire quick(server.addresses.front());
  quick.request("GET", "/_ping");
  server.wait_until([&] { return server.service.listeners() == 1; });
  control::Event large = event(1);
  large.data["text"] = std::string(100'000, 'x');
  server.wait_until([&] {
    server.service.emit(large);
    server.service.events.clear();
    return server.service.listeners() == 0;
  });
  EXPECT_EQ(quick.answer().body, "OK");
}

TEST(Logs, AreFollowedUntilTheReaderGoes) {
  RunningServer server(open_to_all());
  server.on_thread([&] {
    control::InjectorView injector;
    injector.id = "abc";
    server.service.injector_views = {injector};
    server.service.log_pieces = {"one\n", "two\n"};
  });
  Wire whole(server.addresses.front());
  whole.request("GET", "/v1/injectors/abc/logs?follow=1");
  EXPECT_THAT(whole.read_to_end(), testing::EndsWith("one\ntwo\n\r\n0\r\n\r\n"));
  server.on_thread([&] { server.service.log_goes_on = true; });
  Wire wire(server.addresses.front());
  wire.request("GET", "/v1/injectors/abc/logs?follow=1&tail=10");
  wire.read_until("two\n");
  wire.close();
  server.wait_until([&] { return server.service.log_was_cancelled; });
  server.on_thread([&] { server.service.log_pieces = std::vector(20'000, std::string(100, 'x')); });
  Wire slow(server.addresses.front());
  slow.request("GET", "/v1/injectors/abc/logs?follow=1");
  EXPECT_THAT(slow.read_to_end(), testing::Not(testing::EndsWith("0\r\n\r\n"))) << "it was not all of it";
}

TEST(Stop, DrainingLetsRequestsAndStreamsGoOn) {
  RunningServer server(open_to_all());
  Wire idle(server.addresses.front());
  idle.request("GET", "/_ping");
  idle.answer();
  Wire stream(server.addresses.front());
  stream.request("GET", "/events");
  stream.read_until(": connected");
  server.wait_until([&] { return server.service.listeners() == 1; });
  server.on_thread([&] { server.drain(); });
  EXPECT_EQ(idle.read_to_end(), "");
  server.on_thread([&] { server.service.emit(event(1)); });
  stream.read_until("id: 1\n");
  EXPECT_THROW(Wire late(server.addresses.front()), std::exception);
}

TEST(Stop, EndsStreamsAndIdleConnections) {
  RunningServer server(open_to_all());
  Wire idle(server.addresses.front());
  idle.request("GET", "/_ping");
  idle.answer();
  Wire stream(server.addresses.front());
  stream.request("GET", "/events");
  stream.read_until(": connected");
  server.stop(20s);
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_THAT(stream.read_to_end(), testing::EndsWith("0\r\n\r\n"));
}

}  // namespace
}  // namespace entropy::api
