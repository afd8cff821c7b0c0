// The manager under test in its simulated world: it is started, killed at any point, made anew on the same store.
#pragma once

#include <sqlite3.h>

#include "chaos/host_client.hpp"
#include "chaos/virtual_timing.hpp"
#include "control/manager.hpp"
#include "control/spawn.hpp"

namespace entropy::chaos {

struct World {
  explicit World(std::uint64_t seed) : dice(seed) {}
  Agenda agenda;
  Dice dice;
  Weather weather;
  std::vector<std::unique_ptr<Host>> hosts;
};

class Service {
 public:
  Service(World& world, std::string manager_id, Duration lease);
  ~Service() { end(); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void begin();
  void end();  // as kill -9 does
  bool runs() const { return manager_ != nullptr; }
  control::Manager& manager() const { return *manager_; }
  Life& life() const { return *life_; }
  store::Store& store() { return *store_; }
  int commits() const { return commits_; }

  // Lets the manager do all that it can do now; false if it was killed meanwhile.
  bool work();

  // Runs the call beside the loop; `done` hears of its end if the manager lives so long.
  template <class T>
  void ask(control::Task<T> call, std::function<void(Result<T>)> done) {
    asio::co_spawn(*io_, std::move(call), [life = life_, done](std::exception_ptr thrown, Result<T> result) {
      if (thrown) std::rethrow_exception(thrown);
      if (!life->dead) done(std::move(result));
    });
  }
  // Removes the policy, or stops it.
  void end_policy(const std::string& name, bool remove, std::function<void(Result<>)> done);

 private:
  static int on_commit(void* service);
  bool may_commit();

  World& world_;
  std::string manager_id_;
  Duration lease_;
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<Life> life_ = std::make_shared<Life>();
  std::unique_ptr<asio::io_context> io_;
  std::unique_ptr<VirtualTiming> timing_;
  std::unique_ptr<control::Manager> manager_;
  int commits_ = 0;
};

}  // namespace entropy::chaos
