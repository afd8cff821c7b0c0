// Two private network namespaces joined by a pair of veth interfaces, each called eth0, and an injector in the first.
// Nothing has a name outside the process, so that the kernel cleans up however a test ends. Needs CAP_SYS_ADMIN and
// CAP_NET_ADMIN, and iproute2.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "kernel/backend.hpp"

namespace entropy::testing {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::duration<double, std::milli>;

// Why kernel tests can't run here, if they can't.
std::optional<std::string> why_no_lab();

enum class Side { target, peer };
enum class Ip { v4, v6 };

class Lab {
 public:
  Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  // Whether this kernel has nftables' egress hook; what needs it can't be tried without.
  bool has_egress_hook() const;

  // Runs `work` with the calling thread inside a namespace.
  void inside(Side side, const std::function<void()>& work) const;
  // Runs a shell command there; true if it exits with 0.
  bool run(Side side, const std::string& command) const;
  // Joins the namespaces by a second pair, eth1 (10.9.1.x).
  void add_second_pair() const;
  // Another address of the peer's on the first pair: 10.9.0.<host>, fd09:0::<host>.
  void add_peer_address(int host) const;
  // A socket of that namespace.
  Fd socket(Side side, Ip ip, int type) const;
  // 10.9.<pair>.1 or fd09:<pair>::1 is the target, ...2 the peer, unless `host` says another.
  static sockaddr_in6 address(Side side, Ip ip, int port, int pair = 0, int host = 0);
  // "/proc/<pid>/fd/<n>", for `ip`.
  std::string path(Side side) const;

 private:
  Fd home_;
  Fd target_;
  Fd peer_;
};

socklen_t length_of(const sockaddr_in6& address);
void bind_to(const Fd& socket, const sockaddr_in6& address);
bool wait_readable(const Fd& socket, std::chrono::milliseconds timeout);
// Whether `done` becomes true in time; asked every few milliseconds.
bool wait_until(std::chrono::milliseconds timeout, const std::function<bool()>& done);

using BackendMaker = Result<std::unique_ptr<kernel::Backend>> (*)();

// A backend in the target's namespace on a thread of its own that polls it as the injector does.
class InjectorThread {
 public:
  explicit InjectorThread(const Lab& lab, BackendMaker make = kernel::make_backend);
  ~InjectorThread();
  InjectorThread(const InjectorThread&) = delete;
  InjectorThread& operator=(const InjectorThread&) = delete;

  // Runs `work` on the injector's thread and waits for it.
  void with(const std::function<void(kernel::Backend&)>& work);
  Result<> apply(const kernel::State& state);
  Result<kernel::State> read_back();
  kernel::Counters counters();  // of all classes

 private:
  void loop(const Lab& lab, BackendMaker make, std::promise<Result<>> ready);

  std::unique_ptr<kernel::Backend> backend_;
  std::mutex mutex_;
  std::optional<std::packaged_task<void()>> task_;
  std::atomic<bool> stop_ = false;
  Fd wake_;
  std::thread thread_;
};

// A backend in a process of its own, to be killed and stopped.
class InjectorProcess {
 public:
  InjectorProcess(const Lab& lab, const kernel::State& state, BackendMaker make = kernel::make_backend);
  ~InjectorProcess();
  InjectorProcess(const InjectorProcess&) = delete;
  InjectorProcess& operator=(const InjectorProcess&) = delete;

  bool ready() const { return ready_; }
  void signal(int number) const;
  void wait();

 private:
  pid_t pid_ = -1;
  bool ready_ = false;
};

// Polls the backend until `stop` says so; `wake` is one more descriptor to be polled.
void serve(kernel::Backend& backend, int wake, const std::function<bool()>& stop);

}  // namespace entropy::testing
