#include "chaos/service.hpp"

namespace entropy::chaos {
namespace {

// Whose hook the next database gets. SQLite lets every connection of the program be prepared as it is opened.
Service* opening = nullptr;
int (*commit_hook)(void*) = nullptr;

int prepare_connection(sqlite3* database, char**, const sqlite3_api_routines*) {
  if (opening != nullptr) sqlite3_commit_hook(database, commit_hook, opening);
  return SQLITE_OK;
}

}  // namespace

Service::Service(World& world, std::string manager_id, Duration lease)
    : world_(world), manager_id_(std::move(manager_id)), lease_(lease) {
  commit_hook = on_commit;
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(prepare_connection));
  opening = this;
  store_ = *store::Store::open(":memory:");
  opening = nullptr;
}

// A commit that the hook refuses is rolled back, as on a full disk: so nothing is durable after the manager's death.
int Service::on_commit(void* service) { return static_cast<Service*>(service)->may_commit() ? 0 : 1; }

bool Service::may_commit() {
  ++commits_;
  if (life_->dead) return false;
  const bool kills = life_->commits_left && (*life_->commits_left)-- == 0;
  if (kills) life_->dead = true;
  if (kills) return life_->afterwards;
  return !world_.dice.chance(world_.weather.disk_full);
}

void Service::begin() {
  life_ = std::make_shared<Life>();
  life_->manager = manager_id_;
  io_ = std::make_unique<asio::io_context>(1);
  timing_ = std::make_unique<VirtualTiming>(world_.agenda, io_->get_executor());
  control::ManagerOptions options;
  options.manager_id = manager_id_;
  options.lease = lease_;
  options.random_seed = world_.dice.next();
  options.image = {"entropy-injector:chaos", "tar"};
  manager_ = std::move(*control::Manager::make(*timing_, *store_, world_.agenda, std::move(options)));
  for (const auto& host : world_.hosts) {
    manager_->add_endpoint(
        host->name(), std::make_unique<HostClient>(*host, world_.agenda, world_.dice, world_.weather, *timing_, life_));
  }
  control::spawn(io_->get_executor(), "the manager", manager_->run());
}

void Service::end() {
  life_->dead = true;
  manager_.reset();
  io_.reset();  // and with it all coroutines, wherever they are
  timing_.reset();
}

bool Service::work() {
  while (manager_ && !life_->dead) {
    io_->restart();
    if (io_->poll_one() == 0) return true;
  }
  return false;
}

void Service::end_policy(const std::string& name, bool remove, std::function<void(Result<>)> done) {
  if (remove) return ask<void>(manager_->remove_policy(name, true, std::nullopt), std::move(done));
  ask<control::PolicyView>(manager_->stop_policy(name), [done](const Result<control::PolicyView>& view) {
    done(view ? Result<>() : fail(view.error()));
  });
}

}  // namespace entropy::chaos
