// The client against scripted bytes: what the other side may do, and what the user is told.
#include <gmock/gmock.h>

#include "base/text.hpp"
#include "docker/engine.hpp"
#include "fakes/http_imposter.hpp"
#include "fakes/run_task.hpp"

namespace entropy::docker {
namespace {

using namespace std::chrono_literals;
using fakes::Peer;
using testing::HasSubstr;
using testing::StartsWith;

std::string answer(std::string_view status, std::string_view body, std::string_view type = "application/json") {
  return concat("HTTP/1.1 ", status, "\r\nContent-Type: ", type, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

std::string chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx", bytes.size());
  return concat(size, "\r\n", bytes, "\r\n");
}
constexpr std::string_view chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view one_container = R"([{"Id":"c1","Names":["/web"]}])";

class Wire : public testing::TestWithParam<fakes::HttpImposter::Transport> {
 protected:
  template <class T>
  Result<T> run(Task<T> task) {
    return fakes::run_task(io_, std::move(task));
  }
  Result<std::vector<Container>> list() { return run(engine_->list_containers(false, {})); }
  Error list_error() {
    const auto containers = list();
    return containers ? Error{ErrorCode::internal, "no error", {}} : containers.error();
  }
  // A client that loses its patience early.
  void impatient() {
    engine_ = make_engine(io_.get_executor(), parse_address(imposter_.address()).value(), EngineOptions{200ms, 200ms});
  }

  asio::io_context io_;
  fakes::HttpImposter imposter_{GetParam()};
  std::unique_ptr<Engine> engine_ = make_engine(io_.get_executor(), parse_address(imposter_.address()).value());
};

INSTANTIATE_TEST_SUITE_P(Both, Wire,
                         testing::Values(fakes::HttpImposter::Transport::unix_socket,
                                         fakes::HttpImposter::Transport::tcp),
                         [](const auto& info) { return info.index == 0 ? "Unix" : "Tcp"; });

TEST_P(Wire, ListsWithTheNegotiatedVersion) {
  imposter_.play(answer("200 OK", one_container));
  const auto containers = run(engine_->list_containers(true, {"a=b"}));
  ASSERT_TRUE(containers) << containers.error().message;
  EXPECT_EQ(containers->front().name, "web");
  EXPECT_THAT(
      imposter_.requests().front(),
      StartsWith("GET /v1.41/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D HTTP/1.1\r\n"));
}

TEST_P(Wire, ReadsChunkedAnswersAndThoseThatEndWithTheConnection) {
  imposter_.play(concat(chunked, chunk(one_container.substr(0, 5)), chunk(one_container.substr(5)), "0\r\n\r\n"));
  EXPECT_EQ(list().value().size(), 1u);
  imposter_.play(concat("HTTP/1.0 200 OK\r\n\r\n", one_container));
  EXPECT_EQ(list().value().size(), 1u);
}

TEST_P(Wire, ListsServicesWhereTheEngineIsAManager) {
  imposter_.play(answer("200 OK", R"([{"ID":"s1","Spec":{"Name":"web","Labels":{"tier":"gold"}}}])"));
  const auto services = run(engine_->list_services());
  ASSERT_TRUE(services) << services.error().message;
  EXPECT_EQ(services->front(), (SwarmService{"s1", "web", {{"tier", "gold"}}}));
  EXPECT_THAT(imposter_.requests().front(), StartsWith("GET /v1.41/services HTTP/1.1\r\n"));
  imposter_.play(answer("503 Service Unavailable", R"({"message":"This node is not a swarm manager."})"));
  const auto refused = run(engine_->list_services());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("not a swarm manager"));
}

TEST_P(Wire, SaysThatTheAnswerWasCut) {
  const std::string whole = answer("200 OK", one_container);
  imposter_.play(whole.substr(0, whole.size() - 3));
  EXPECT_EQ(list_error().code, ErrorCode::unavailable);
  imposter_.play(concat(chunked, "10\r\nabc"));
  EXPECT_THAT(list_error().message, HasSubstr("in the middle of its answer"));
  imposter_.play(whole.substr(0, 20));
  EXPECT_EQ(list_error().code, ErrorCode::unavailable);
}

TEST_P(Wire, SaysThatThereWasNoAnswer) {
  imposter_.play("");
  const Error error = list_error();
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("without an answer"));
  EXPECT_THAT(error.message, HasSubstr(imposter_.address()));
}

TEST_P(Wire, KeepsAProxysPageToItself) {
  imposter_.play(answer("502 Bad Gateway", "<html>nginx and its long page</html>", "text/html"));
  const Error error = list_error();
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("502"));
  EXPECT_THAT(error.message, HasSubstr("text/html"));
  EXPECT_THAT(error.message, testing::Not(HasSubstr("nginx")));
  imposter_.play("HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(list_error().code, ErrorCode::protocol);
}

TEST_P(Wire, CarriesTheEnginesMessageThrough) {
  const std::vector<std::pair<std::string, ErrorCode>> cases = {
      {"400 Bad Request", ErrorCode::invalid},    {"403 Forbidden", ErrorCode::permission},
      {"404 Not Found", ErrorCode::not_found},    {"409 Conflict", ErrorCode::conflict},
      {"500 Oops", ErrorCode::unavailable},       {"501 Not Implemented", ErrorCode::unsupported},
      {"503 Unavailable", ErrorCode::unavailable}};
  for (const auto& [status, code] : cases) {
    imposter_.play(answer(status, R"({"message":"the engine's words"})"));
    const auto started = run(engine_->start_container("x"));
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, code) << status;
    EXPECT_EQ(started.error().message, concat("engine at ", imposter_.address(), ": the engine's words"));
  }
}

TEST_P(Wire, ToleratesWhatIsDoneAlready) {
  imposter_.play("HTTP/1.1 304 Not Modified\r\n\r\n");
  EXPECT_TRUE(run(engine_->stop_container("x", 1500ms)));
  EXPECT_THAT(imposter_.requests().back(), StartsWith("POST /v1.41/containers/x/stop?t=2 "));
  imposter_.play(answer("409 Conflict", R"({"message":"removal of container x is already in progress"})"));
  EXPECT_TRUE(run(engine_->remove_container("x")));
  imposter_.play(answer("409 Conflict", R"({"message":"something else"})"));
  EXPECT_FALSE(run(engine_->remove_container("x")));
  imposter_.play("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_TRUE(run(engine_->start_container("x")));
}

TEST_P(Wire, RefusesWhatIsNotHttpOrNotJson) {
  imposter_.play("SSH-2.0-OpenSSH_9.2\r\n");
  Error error = list_error();
  EXPECT_EQ(error.code, ErrorCode::protocol);
  EXPECT_THAT(error.message, HasSubstr("does not speak HTTP"));
  imposter_.play(answer("200 OK", "<html>", "text/html"));
  error = list_error();
  EXPECT_EQ(error.code, ErrorCode::protocol);
  EXPECT_THAT(error.message, HasSubstr("not JSON"));
  imposter_.play(concat("HTTP/1.1 200 OK\r\nX: ", std::string(100'000, 'x'), "\r\n\r\n"));
  EXPECT_EQ(list_error().code, ErrorCode::protocol);
}

TEST_P(Wire, LosesPatience) {
  impatient();
  imposter_.play([](Peer& peer) { peer.wait_for_close(); });
  Error error = list_error();
  EXPECT_EQ(error.code, ErrorCode::timeout);
  EXPECT_THAT(error.message, HasSubstr("within 200ms"));
  imposter_.play([](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[");
    peer.wait_for_close();
  });
  EXPECT_EQ(list_error().code, ErrorCode::timeout);
}

TEST_P(Wire, NegotiatesTheVersion) {
  for (const auto& [theirs, ours] : {std::pair("1.41", "1.41"), std::pair("1.44", "1.44"), std::pair("1.99", "1.47")}) {
    imposter_.set_api_version(theirs);
    ASSERT_TRUE(run(engine_->ping()));
    imposter_.play(answer("200 OK", "[]"));
    ASSERT_TRUE(list());
    EXPECT_THAT(imposter_.requests().back(), StartsWith(concat("GET /v", ours, "/")));
  }
}

TEST_P(Wire, RefusesEnginesThatAreTooOldOrTooNew) {
  imposter_.set_api_version("1.39");
  Error error = list_error();
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_EQ(error.message,
            concat("engine at ", imposter_.address(), " speaks API 1.39; Entropy needs 1.41 (Docker 20.10) or newer"));
  imposter_.set_api_version("1.60");
  imposter_.play(answer("400 Bad Request", R"({"message":"client version 1.47 is too old. Minimum is 1.50"})"));
  error = list_error();
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_THAT(error.message, HasSubstr("Minimum is 1.50 (Entropy speaks 1.41 to 1.47)"));
  for (const auto* not_docker : {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                                 "HTTP/1.1 200 OK\r\nApi-Version: new\r\nContent-Length: 0\r\n\r\n"}) {
    imposter_.set_ping(not_docker);
    EXPECT_EQ(run(engine_->ping()).error().code, ErrorCode::protocol);
  }
}

TEST_P(Wire, NegotiatesAgainAfterTheEngineWasAway) {
  imposter_.play(answer("200 OK", "[]"));
  ASSERT_TRUE(list());
  imposter_.play("");
  ASSERT_FALSE(list());
  imposter_.set_api_version("1.43");
  imposter_.play(answer("200 OK", "[]"));
  ASSERT_TRUE(list());
  EXPECT_THAT(imposter_.requests().back(), StartsWith("GET /v1.43/"));
}

std::string frame(char stream, std::string_view payload) {
  return std::string{stream, 0, 0, 0, 0, 0, 0, static_cast<char>(payload.size())}.append(payload);
}

TEST_P(Wire, AttachesWithBytesGluedToTheHeader) {
  for (const std::string_view head : {"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
                                      "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"}) {
    imposter_.play([head](Peer& peer) {
      peer.send(concat(head, frame(1, "glued"), frame(2, "err").substr(0, 5)));
      peer.send(frame(2, "err").substr(5));
      peer.send(frame(1, peer.receive(4)));
    });
    auto stream = run(engine_->attach("x"));
    ASSERT_TRUE(stream) << stream.error().message;
    const auto first = run((*stream)->read());
    EXPECT_EQ(first->bytes, "glued");
    EXPECT_FALSE(first->is_stderr);
    std::string errors;
    while (errors.size() < 3) {
      const auto output = run((*stream)->read());
      ASSERT_TRUE(output && output->is_stderr);
      errors += output->bytes;
    }
    EXPECT_EQ(errors, "err");
    ASSERT_TRUE(run((*stream)->write("ping")));
    EXPECT_EQ(run((*stream)->read())->bytes, "ping");
    EXPECT_EQ(run((*stream)->read()).error().code, ErrorCode::unavailable);
    EXPECT_THAT(imposter_.requests().back(), HasSubstr("Upgrade: tcp\r\n"));
  }
}

TEST_P(Wire, AnAttachHasNoDeadlineButWritingHas) {
  impatient();
  imposter_.play([](Peer& peer) {
    peer.send("HTTP/1.1 101 UPGRADED\r\n\r\n");
    peer.receive(1);
    peer.send(frame(1, "x"));
    peer.wait_for_close();
  });
  auto stream = run(engine_->attach("x"));
  ASSERT_TRUE(stream);
  asio::steady_timer longer(io_, 300ms);  // than a call may take
  longer.async_wait([&](auto) {
    asio::co_spawn(io_, (*stream)->write("x"),
                   [](std::exception_ptr thrown, Result<> written) { EXPECT_TRUE(!thrown && written); });
  });
  EXPECT_EQ(run((*stream)->read())->bytes, "x");
}

TEST_P(Wire, ClosingAnAttachEndsItsRead) {
  for (const bool destroy : {false, true}) {
    imposter_.play([](Peer& peer) {
      peer.send("HTTP/1.1 101 UPGRADED\r\n\r\n");
      peer.wait_for_close();
    });
    auto stream = run(engine_->attach("x"));
    ASSERT_TRUE(stream) << stream.error().message;
    std::optional<Result<AttachStream::Output>> read;
    asio::co_spawn(io_, (*stream)->read(), [&](std::exception_ptr thrown, Result<AttachStream::Output> result) {
      EXPECT_FALSE(thrown);
      read = std::move(result);
    });
    io_.restart();
    io_.poll();  // until it waits
    ASSERT_FALSE(read);
    destroy ? stream->reset() : (*stream)->close();
    while (!read && io_.run_one_for(10s) != 0) {
    }
    ASSERT_TRUE(read && !*read);
    EXPECT_EQ(read->error().code, ErrorCode::unavailable);
    if (!destroy) EXPECT_EQ(run((*stream)->write("x")).error().code, ErrorCode::unavailable);
  }
}

TEST_P(Wire, ReadsEventsCutAtEveryByte) {
  const std::string events = R"({"Type":"container","Action":"start","Actor":{"ID":"c1"},"timeNano":1000})"
                             "\n"
                             R"({"Type":"network","Action":"connect","Actor":{"ID":"n1"},"time":1})";
  for (std::size_t cut = 1; cut < events.size(); ++cut) {
    imposter_.play(concat(chunked, chunk(events.substr(0, cut)), chunk(events.substr(cut)), "0\r\n\r\n"));
    std::string seen;
    const auto ended = run(engine_->events([&] { seen += "open "; },
                                           [&](Event event) { seen += concat(event.action, ":", event.id, " "); }));
    ASSERT_EQ(seen, "open start:c1 connect:n1 ") << cut;
    ASSERT_EQ(ended.error().code, ErrorCode::unavailable);
  }
}

TEST_P(Wire, EndsEventsWithTheReason) {
  const auto reason = [&](std::string bytes) {
    imposter_.play(std::move(bytes));
    return run(engine_->events([] {}, [](Event) {})).error();
  };
  EXPECT_EQ(reason(concat(chunked, chunk("{\"Type\":"))).code, ErrorCode::unavailable);
  EXPECT_EQ(reason(concat(chunked, chunk("{\"Type\":1}"))).code, ErrorCode::protocol);
  EXPECT_EQ(reason(concat(chunked, chunk("<html>"))).code, ErrorCode::protocol);
  EXPECT_EQ(reason(answer("500 Oops", R"({"message":"m"})")).code, ErrorCode::unavailable);
}

TEST_P(Wire, ReadsLogsUntilTheSinkHasEnough) {
  imposter_.play(concat(chunked, chunk(frame(1, "a") + frame(2, "b")), chunk(frame(1, "c")), "0\r\n\r\n"));
  std::string all;
  ASSERT_TRUE(run(engine_->logs("x", false, whole_log, [&](std::string_view bytes) { return all += bytes, true; })));
  EXPECT_EQ(all, "abc");
  EXPECT_THAT(imposter_.requests().back(), HasSubstr("follow=0&tail=all "));
  imposter_.play(concat(chunked, "0\r\n\r\n"));
  ASSERT_TRUE(run(engine_->logs("x", false, 0, [](auto) { return true; })));
  EXPECT_THAT(imposter_.requests().back(), HasSubstr("follow=0&tail=0 ")) << "what has been said is not wanted";
  imposter_.play(concat(chunked, chunk(frame(1, "a") + frame(1, "b"))));
  all.clear();
  ASSERT_TRUE(run(engine_->logs("x", true, 5, [&](std::string_view bytes) { return all += bytes, false; })));
  EXPECT_EQ(all, "a");
  imposter_.play(concat(chunked, chunk(frame(1, "abc").substr(0, 9)), "0\r\n\r\n"));
  EXPECT_EQ(run(engine_->logs("x", false, whole_log, [](auto) { return true; })).error().code, ErrorCode::unavailable);
}

TEST_P(Wire, SurvivesTheEndOfTheProgramAmidACall) {
  imposter_.play([](Peer& peer) { peer.wait_for_close(); });
  auto io = std::make_unique<asio::io_context>();
  const auto engine = make_engine(io->get_executor(), parse_address(imposter_.address()).value());
  asio::co_spawn(*io, engine->list_containers(false, {}), [](std::exception_ptr, Result<std::vector<Container>>) {});
  while (imposter_.requests().empty()) io->run_one_for(1ms);
  io.reset();
}

// (Over TCP the reset that follows may overtake the answer.)
TEST(Upload, HearsAnEngineThatRefusesABodyHalfway) {
  fakes::HttpImposter imposter;
  imposter.play([](Peer& peer) {
    peer.receive(100'000);
    peer.send(answer("403 Forbidden", R"({"message":"too large"})"));
  });
  asio::io_context io;
  const auto engine = make_engine(io.get_executor(), parse_address(imposter.address()).value());
  const auto loaded = fakes::run_task(io, engine->load_image(std::string(20'000'000, 'x')));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::permission);
  EXPECT_THAT(loaded.error().message, HasSubstr("too large"));
}

TEST(NoEngine, IsSaidWithTheWayOut) {
  asio::io_context io;
  const auto ping = [&](std::string address) {
    const auto engine = make_engine(io.get_executor(), parse_address(std::move(address)).value());
    return fakes::run_task(io, engine->ping()).error();
  };
  Error error = ping("unix:///no/such.sock");
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, StartsWith("no Docker engine at unix:///no/such.sock (is it running?"));
  error = ping("tcp://127.0.0.1:1");
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("nobody listens"));
  error = ping("unix:///etc/passwd");
  EXPECT_EQ(error.code, ErrorCode::unavailable);
}

TEST_P(Wire, AnObserverIsToldOfEveryRequest) {
  std::vector<std::string> told;
  EngineOptions options{200ms, 200ms};
  options.on_request = [&](const std::string& operation, const std::string& outcome) {
    told.push_back(concat(operation, " -> ", outcome));
  };
  engine_ = make_engine(io_.get_executor(), parse_address(imposter_.address()).value(), std::move(options));
  imposter_.play(answer("200 OK", one_container));
  ASSERT_TRUE(list());
  imposter_.play(answer("404 Not Found", R"({"message":"no such container"})"));
  EXPECT_FALSE(run(engine_->start_container("c1")));
  imposter_.play("HTTP/1.1 200 OK");
  EXPECT_FALSE(list());
  imposter_.play([](Peer& peer) { peer.wait_for_close(); });
  EXPECT_FALSE(list());
  EXPECT_THAT(told, testing::ElementsAre("GET /_ping -> 200", "GET /containers/json -> 200",
                                         "POST /containers/{id}/start -> 404", "GET /containers/json -> unreachable",
                                         "GET /_ping -> 200", "GET /containers/json -> timeout"));
}

}  // namespace
}  // namespace entropy::docker
