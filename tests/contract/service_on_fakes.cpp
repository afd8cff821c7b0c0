// The whole service on an engine in memory, for clients that ask everything. Prints where it listens: an address where
// the tokens "secret" and "reader" are asked for, and one where none is. Standard input takes a line each of "break"
// (the engine is gone), "mend", "silence" (injectors do not answer), "speak", and ends it all with its own end.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <stdlib.h>

#include <boost/asio.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <thread>

#include "api/server.hpp"
#include "control/manager.hpp"
#include "control/spawn.hpp"
#include "fakes/fake_engine.hpp"

namespace entropy {
namespace {

namespace asio = boost::asio;

constexpr std::size_t containers_per_service = 2;

std::unique_ptr<fakes::FakeEngine> make_engine(asio::io_context& io) {
  auto engine = std::make_unique<fakes::FakeEngine>(io.get_executor());
  for (const std::string service : {"web", "db", "cache", "queue"}) {
    for (std::size_t i = 1; i <= containers_per_service; ++i) {
      engine->run_container(concat(service, "-", i), {{"service", service}});
    }
  }
  return engine;
}

void obey(fakes::FakeEngine& engine, std::string_view command) {
  if (command == "break") engine.break_down("the engine is gone");
  if (command == "mend") engine.broken.clear();
  if (command == "silence") engine.injectors_answer = false;
  if (command == "speak") engine.injectors_answer = true;
}

int run() {
  // On the disk, so that only the service's own memory grows or does not.
  char folder[] = "/tmp/service-on-fakes-XXXXXX";
  if (::mkdtemp(folder) == nullptr) return 1;
  auto store = *store::Store::open(concat(folder, "/entropy.db"));
  const SystemClock clock;
  std::unique_ptr<control::Manager> manager;
  asio::io_context io(1);
  control::ManagerOptions options;
  options.manager_id = "fakes";
  options.image = {"entropy-injector:fake", "tar"};
  control::SystemTiming timing(io.get_executor());
  manager = *control::Manager::make(timing, *store, clock, std::move(options));
  auto made = make_engine(io);
  fakes::FakeEngine& engine = *made;
  manager->add_endpoint("unix:///fake.sock", std::move(made));

  api::Options guarded;
  guarded.token = "secret";
  guarded.read_token = "reader";
  guarded.version = "0.0.0";
  api::Options open = guarded;
  open.no_auth = true;
  api::Server server(io.get_executor(), *manager, guarded);
  api::Server open_server(io.get_executor(), *manager, open);
  for (auto* each : {&server, &open_server}) {
    const auto listening = each->listen({{Address::Kind::tcp, "127.0.0.1", 0, ""}});
    if (!listening) return 1;
    std::printf("http://127.0.0.1:%u\n", each->addresses().front().port);
  }
  std::fflush(stdout);
  control::spawn(io.get_executor(), "the manager", manager->run());
  std::thread reader([&] {
    for (std::string line; std::getline(std::cin, line);) {
      asio::post(io, [&engine, line] { obey(engine, line); });
      std::puts("ok");
      std::fflush(stdout);
    }
    io.stop();
  });
  io.run();
  reader.join();
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace entropy

int main() {
  spdlog::set_default_logger(spdlog::stderr_logger_st("entropy"));
  return entropy::run();
}
