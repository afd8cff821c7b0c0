// The client against the engine at DOCKER_HOST (or the default socket): tools/engine up starts one.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/text.hpp"
#include "docker/engine.hpp"
#include "docker/image_archive.hpp"
#include "fakes/run_task.hpp"

namespace entropy::docker {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* tag = "entropy-docker-test:latest";

Address engine_address() {
  const char* host = std::getenv("DOCKER_HOST");
  return parse_address(host == nullptr ? "unix:///var/run/docker.sock" : host).value();
}

Image test_image() {
  std::ifstream file("/bin/busybox", std::ios::binary);
  std::string busybox{std::istreambuf_iterator<char>(file), {}};
  std::vector<File> files;
  files.push_back({"/bin/busybox", 0755, std::move(busybox)});
  files.push_back({"/etc/deep/er/file", 0640, "content\n"});
  return make_image(tag, std::move(files), {"/bin/busybox"}, {{"made-by", "docker_engine_test"}}).value();
}

class RealEngine : public testing::Test {
 protected:
  void SetUp() override {
    const auto there = run(engine_->ping());
    ASSERT_TRUE(there) << there.error().message << " (tools/engine up starts one)";
    const Image image = test_image();
    const auto had = run(engine_->has_image(image.id));
    ASSERT_TRUE(had) << had.error().message;
    if (!*had) {
      const auto loaded = run(engine_->load_image(image.tar));
      ASSERT_TRUE(loaded) << loaded.error().message;
    }
  }

  void TearDown() override {
    for (const auto& id : created_) run(engine_->remove_container(id));
  }

  template <class T>
  Result<T> run(Task<T> task) {
    return fakes::run_task(io_, std::move(task));
  }

  ContainerSpec spec(std::vector<std::string> command) {
    ContainerSpec spec;
    spec.name = concat("entropy-docker-test-", ::getpid(), "-", created_.size());
    spec.image = tag;
    spec.command = std::move(command);
    spec.labels = {{"entropy-docker-test", std::to_string(::getpid())}, {"odd", "a=b, \"c\" \xc3\xa9"}};
    spec.network_mode = "none";
    return spec;
  }

  std::string create(ContainerSpec wanted) {
    auto id = run(engine_->create_container(std::move(wanted)));
    EXPECT_TRUE(id) << id.error().message;
    if (id) created_.push_back(*id);
    return id.value_or("");
  }

  std::string created_and_started(ContainerSpec wanted) {
    std::string id = create(std::move(wanted));
    const auto started = run(engine_->start_container(id));
    EXPECT_TRUE(started) << started.error().message;
    return id;
  }

  // Output until there are `size` bytes of it.
  std::string read(AttachStream& stream, std::size_t size) {
    std::string all;
    while (all.size() < size) {
      const auto output = run(stream.read());
      if (!output) return all + "!" + output.error().message;
      all += output->bytes;
    }
    return all;
  }

  asio::io_context io_;
  std::unique_ptr<Engine> engine_ = make_engine(io_.get_executor(), engine_address());
  std::vector<std::string> created_;
};

TEST_F(RealEngine, TellsAboutItself) {
  const auto info = run(engine_->info());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_FALSE(info->server_version.empty());
  EXPECT_FALSE(info->kernel_version.empty());
  EXPECT_THAT(info->api_version, testing::StartsWith("1."));
}

TEST_F(RealEngine, LoadsAnImageUnderTheIdThatWasComputed) {
  EXPECT_EQ(run(engine_->has_image(test_image().id)), true);
  EXPECT_EQ(run(engine_->has_image(tag)), true);
  EXPECT_EQ(run(engine_->has_image("entropy-docker-test:no-such-tag")), false);
}

TEST_F(RealEngine, RefusesABrokenImage) {
  const auto loaded = run(engine_->load_image("this is no tar"));
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message, "");
}

TEST_F(RealEngine, ListsAndInspects) {
  const std::string id = created_and_started(spec({"sleep", "300"}));
  const auto listed = run(engine_->list_containers(false, {concat("entropy-docker-test=", ::getpid()), "odd"}));
  ASSERT_TRUE(listed) << listed.error().message;
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().id, id);
  EXPECT_EQ(listed->front().name, concat("entropy-docker-test-", ::getpid(), "-0"));
  EXPECT_EQ(listed->front().state, "running");
  EXPECT_EQ(listed->front().network_mode, "none");
  EXPECT_EQ(listed->front().labels.at("odd"), "a=b, \"c\" \xc3\xa9");

  const auto details = run(engine_->inspect_container(id));
  ASSERT_TRUE(details) << details.error().message;
  EXPECT_EQ(details->container.name, listed->front().name);
  EXPECT_GT(details->pid, 0);
  EXPECT_THAT(details->started_at, HasSubstr("T"));
  EXPECT_EQ(details->container.labels.at("made-by"), "docker_engine_test");
}

TEST_F(RealEngine, GivesAContainerANetworkWithAnAddress) {
  ContainerSpec wanted = spec({"sleep", "300"});
  wanted.network_mode = "bridge";
  const std::string id = created_and_started(std::move(wanted));
  const auto details = run(engine_->inspect_container(id));
  ASSERT_TRUE(details) << details.error().message;
  ASSERT_EQ(details->container.networks.size(), 1u);
  EXPECT_EQ(details->container.networks.front().name, "bridge");
  EXPECT_THAT(details->container.networks.front().ip, HasSubstr("."));
}

TEST_F(RealEngine, AttachesAgainAndAgain) {
  ContainerSpec wanted = spec({"cat"});
  wanted.open_stdin = true;
  const std::string id = created_and_started(std::move(wanted));
  for (const std::string line : {"first\n", "second\n"}) {
    auto stream = run(engine_->attach(id));
    ASSERT_TRUE(stream) << stream.error().message;
    const auto written = run((*stream)->write(line));
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(read(**stream, line.size()), line);
  }
}

TEST_F(RealEngine, TellsOutputFromErrorsAndSeesTheEndOfAStream) {
  ContainerSpec wanted = spec({"sh", "-c", "read go; echo bad >&2"});
  wanted.open_stdin = true;
  const std::string id = created_and_started(std::move(wanted));
  auto stream = run(engine_->attach(id));
  ASSERT_TRUE(stream) << stream.error().message;
  ASSERT_TRUE(run((*stream)->write("go\n")));
  const auto output = run((*stream)->read());
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_TRUE(output->is_stderr);
  EXPECT_EQ(output->bytes, "bad\n");
  const auto end = run((*stream)->read());
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::unavailable);
}

TEST_F(RealEngine, CarriesMegabytesThroughAttach) {
  ContainerSpec wanted = spec({"cat"});
  wanted.open_stdin = true;
  const std::string id = created_and_started(std::move(wanted));
  auto stream = run(engine_->attach(id));
  ASSERT_TRUE(stream) << stream.error().message;
  std::string sent;
  while (sent.size() < 2'000'000) sent += concat("line ", sent.size(), "\n");
  const auto written = std::make_shared<bool>(false);
  asio::co_spawn(io_, (*stream)->write(sent),
                 [written](std::exception_ptr thrown, Result<> result) { *written = !thrown && result; });
  EXPECT_EQ(read(**stream, sent.size()), sent);
  EXPECT_TRUE(*written);
}

TEST_F(RealEngine, ReadsLogsToTheEnd) {
  const std::string id = created_and_started(spec({"sh", "-c", "echo one; echo two >&2; exit 3"}));
  std::string all;
  const auto sink = [&](std::string_view bytes) { return all += bytes, true; };
  ASSERT_TRUE(run(engine_->logs(id, true, whole_log, sink)));
  EXPECT_THAT(all, HasSubstr("one\n"));
  EXPECT_THAT(all, HasSubstr("two\n"));
  std::string last;
  ASSERT_TRUE(run(engine_->logs(id, false, 1, [&](std::string_view bytes) { return last += bytes, true; })));
  EXPECT_EQ(last.size(), 4u);
}

TEST_F(RealEngine, SeesEvents) {
  const std::string id = create(spec({"true"}));
  struct Seen {  // shared, for the subscription lasts as long as the io_context
    bool open = false;
    std::vector<Event> events;
    std::optional<Result<>> ended;
  };
  const auto seen = std::make_shared<Seen>();
  const auto on_event = [seen, id](Event event) {
    if (event.id == id) seen->events.push_back(std::move(event));
  };
  asio::co_spawn(io_, engine_->events([seen] { seen->open = true; }, on_event),
                 [seen](std::exception_ptr thrown, Result<> result) {
                   EXPECT_FALSE(thrown);
                   seen->ended = std::move(result);
                 });
  while (!seen->open && !seen->ended && io_.run_one_for(10s) != 0) {
  }
  ASSERT_TRUE(seen->open);
  ASSERT_TRUE(run(engine_->start_container(id)));
  io_.restart();
  while (seen->events.size() < 2 && io_.run_one_for(10s) != 0) {
  }
  ASSERT_EQ(seen->events.size(), 2u);
  EXPECT_EQ(seen->events[0].action, "start");
  EXPECT_EQ(seen->events[1].action, "die");
  EXPECT_EQ(seen->events[0].type, "container");
  EXPECT_EQ(seen->events[0].attributes["entropy-docker-test"], std::to_string(::getpid()));
  EXPECT_GT(seen->events[0].time, Time(std::chrono::sys_days(std::chrono::year(2020) / 1 / 1)));
}

TEST_F(RealEngine, StopsKillsAndRemoves) {
  const std::string id = created_and_started(spec({"sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done"}));
  ASSERT_TRUE(run(engine_->stop_container(id, 20s)));
  EXPECT_TRUE(run(engine_->stop_container(id, 20s))) << "stopping what is stopped succeeds";
  EXPECT_TRUE(run(engine_->start_container(id)));
  EXPECT_TRUE(run(engine_->start_container(id))) << "as does starting what runs";
  EXPECT_TRUE(run(engine_->kill_container(id, "SIGKILL")));
  EXPECT_TRUE(run(engine_->remove_container(id)));
  EXPECT_EQ(run(engine_->remove_container(id)).error().code, ErrorCode::not_found);
}

TEST_F(RealEngine, SaysWhatConflictsAndWhatIsMissing) {
  const std::string id = create(spec({"true"}));
  ContainerSpec twin = spec({"true"});
  twin.name = concat("entropy-docker-test-", ::getpid(), "-0");
  const auto taken = run(engine_->create_container(twin));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::conflict);
  EXPECT_THAT(taken.error().message, HasSubstr("already in use"));

  ContainerSpec without_image = spec({"true"});
  without_image.image = "entropy-docker-test:no-such-tag";
  EXPECT_EQ(run(engine_->create_container(without_image)).error().code, ErrorCode::not_found);
  const auto missing = run(engine_->inspect_container("no/such?one"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("engine at "));
  EXPECT_EQ(run(engine_->kill_container(id, "SIGTERM")).error().code, ErrorCode::conflict) << "it does not run";
  EXPECT_EQ(run(engine_->attach("no-such-one")).error().code, ErrorCode::not_found);
  EXPECT_EQ(run(engine_->logs("no-such-one", false, whole_log, [](auto) { return true; })).error().code,
            ErrorCode::not_found);
}

TEST_F(RealEngine, AppliesTheLimitsOfTheSpec) {
  ContainerSpec wanted = spec({"sh", "-c", "id -u; touch /x; grep -i capeff /proc/self/status; echo $KEY"});
  wanted.cap_drop = {"ALL"};
  wanted.cap_add = {"NET_ADMIN"};
  wanted.security_options = {"no-new-privileges"};
  wanted.read_only_root = true;
  wanted.memory_bytes = 64 << 20;
  wanted.pids_limit = 16;
  wanted.environment = {"KEY=a value"};
  wanted.log_options = {{"max-size", "1m"}, {"max-file", "1"}};
  const std::string id = created_and_started(std::move(wanted));
  std::string all;
  ASSERT_TRUE(run(engine_->logs(id, true, whole_log, [&](std::string_view bytes) { return all += bytes, true; })));
  EXPECT_THAT(all, HasSubstr("Read-only file system"));
  EXPECT_THAT(all, HasSubstr("0000000000001000"));
  EXPECT_THAT(all, HasSubstr("a value\n"));
}

}  // namespace
}  // namespace entropy::docker
