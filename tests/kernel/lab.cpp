#include "kernel/lab.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <linux/netlink.h>

#include "base/text.hpp"
#include "kernel/requirements.hpp"

namespace entropy::testing {
namespace {

Fd current_namespace() { return Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

void enter(const Fd& space) {
  if (::setns(space.get(), CLONE_NEWNET) != 0) throw std::runtime_error(std::strerror(errno));
}

Fd new_namespace() {
  if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error(concat("unshare: ", std::strerror(errno)));
  return current_namespace();
}

int last_part(Side side) { return side == Side::target ? 1 : 2; }

std::string addresses(const char* device, Side side, int pair) {
  // Duplicate address detection would keep IPv6 waiting for a second or two.
  return concat("echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad && echo 0 >/proc/sys/net/ipv6/conf/", device,
                "/accept_dad && ip link set lo up && ip addr add 10.9.", pair, ".", last_part(side), "/24 brd + dev ",
                device, " && ip addr add fd09:", pair, "::", last_part(side), "/64 dev ", device,
                " nodad && ip link set ", device, " up");
}

}  // namespace

std::optional<std::string> why_no_lab() {
  if (::geteuid() != 0) return "needs root (private network namespaces)";
  const Fd home = current_namespace();
  if (!home || ::unshare(CLONE_NEWNET) != 0) return concat("no private network namespaces: ", std::strerror(errno));
  enter(home);
  if (std::system("ip -V >/dev/null 2>&1") != 0) return "needs ip (iproute2)";
  return std::nullopt;
}

Lab::Lab() : home_(current_namespace()), target_(new_namespace()), peer_(new_namespace()) {
  enter(home_);
  const bool made = run(Side::target, concat("ip link add eth0 type veth peer name eth0 netns ", path(Side::peer))) &&
                    run(Side::target, addresses("eth0", Side::target, 0)) &&
                    run(Side::peer, addresses("eth0", Side::peer, 0));
  if (!made) throw std::runtime_error("can't join the namespaces");
  // Neighbours don't answer for addresses that are still being tried.
  for (const Side side : {Side::target, Side::peer}) {
    wait_until(3s, [&] { return run(side, "test -z \"$(ip -6 addr show tentative)\""); });
  }
}

std::string Lab::path(Side side) const {
  return concat("/proc/", ::getpid(), "/fd/", (side == Side::target ? target_ : peer_).get());
}

void Lab::add_second_pair() const {
  const bool made = run(Side::target, concat("ip link add eth1 type veth peer name eth1 netns ", path(Side::peer))) &&
                    run(Side::peer, addresses("eth1", Side::peer, 1)) &&
                    run(Side::target, addresses("eth1", Side::target, 1));
  if (!made) throw std::runtime_error("can't join the namespaces once more");
}

bool Lab::has_egress_hook() const {
  bool has = false;
  inside(Side::target, [&] {
    auto socket = kernel::NetlinkSocket::open(NETLINK_NETFILTER);
    has = socket && kernel::check_egress_hook(*socket);
  });
  return has;
}

void Lab::inside(Side side, const std::function<void()>& work) const {
  enter(side == Side::target ? target_ : peer_);
  work();
  enter(home_);
}

bool Lab::run(Side side, const std::string& command) const {
  bool good = false;
  inside(side, [&] { good = std::system(command.c_str()) == 0; });
  return good;
}

Fd Lab::socket(Side side, Ip ip, int type) const {
  Fd made;
  inside(side, [&] { made = Fd(::socket(ip == Ip::v4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0)); });
  if (!made) throw std::runtime_error("socket");
  return made;
}

void Lab::add_peer_address(int host) const {
  const bool made = run(Side::peer, concat("ip addr add 10.9.0.", host, "/24 dev eth0 && ip addr add fd09:0::", host,
                                           "/64 dev eth0 nodad"));
  if (!made) throw std::runtime_error("can't give the peer another address");
}

sockaddr_in6 Lab::address(Side side, Ip ip, int port, int pair, int host) {
  if (host == 0) host = last_part(side);
  sockaddr_in6 v6 = {};
  if (ip == Ip::v6) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET6, concat("fd09:", pair, "::", host).c_str(), &v6.sin6_addr);
    return v6;
  }
  sockaddr_in v4 = {};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, concat("10.9.", pair, ".", host).c_str(), &v4.sin_addr);
  std::memcpy(&v6, &v4, sizeof v4);
  return v6;
}

socklen_t length_of(const sockaddr_in6& address) {
  return address.sin6_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

void bind_to(const Fd& socket, const sockaddr_in6& address) {
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length_of(address)) != 0) {
    throw std::runtime_error(concat("bind: ", std::strerror(errno)));
  }
}

bool wait_readable(const Fd& socket, std::chrono::milliseconds timeout) {
  pollfd poll = {socket.get(), POLLIN, 0};
  return ::poll(&poll, 1, static_cast<int>(timeout.count())) > 0;
}

bool wait_until(std::chrono::milliseconds timeout, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

void serve(kernel::Backend& backend, int wake, const std::function<bool()>& stop) {
  while (!stop()) {
    std::vector<pollfd> polled = {{wake, POLLIN, 0}};
    for (const int fd : backend.file_descriptors()) polled.push_back({fd, POLLIN, 0});
    timespec timeout = {};
    const auto wait = backend.until_due();
    if (wait) timeout = {wait->count() / 1'000'000, wait->count() % 1'000'000 * 1000};
    ::ppoll(polled.data(), polled.size(), wait ? &timeout : nullptr, nullptr);
    backend.on_ready();
  }
}

InjectorThread::InjectorThread(const Lab& lab, BackendMaker make) : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  std::promise<Result<>> ready;
  auto made = ready.get_future();
  thread_ = std::thread([this, &lab, make, r = std::move(ready)]() mutable { loop(lab, make, std::move(r)); });
  if (const auto result = made.get(); !result) {
    thread_.join();
    throw std::runtime_error(result.error().message);
  }
}

InjectorThread::~InjectorThread() {
  with([this](kernel::Backend&) { stop_ = true; });
  thread_.join();
}

void InjectorThread::loop(const Lab& lab, BackendMaker make, std::promise<Result<>> ready) {
  lab.inside(Side::target, [&] {
    auto made = make();
    if (!made) {
      ready.set_value(fail(made.error()));
      return;
    }
    backend_ = std::move(*made);
    ready.set_value({});
    serve(*backend_, wake_.get(), [this] {
      std::uint64_t count = 0;
      (void)!::read(wake_.get(), &count, sizeof count);
      const std::lock_guard lock(mutex_);
      if (task_) (*task_)();
      task_.reset();
      return stop_.load();
    });
    backend_.reset();
  });
}

void InjectorThread::with(const std::function<void(kernel::Backend&)>& work) {
  std::future<void> done;
  {
    const std::lock_guard lock(mutex_);
    task_.emplace([&] { work(*backend_); });
    done = task_->get_future();
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  done.get();
}

Result<> InjectorThread::apply(const kernel::State& state) {
  Result<> result;
  with([&](kernel::Backend& backend) { result = backend.apply(state); });
  return result;
}

Result<kernel::State> InjectorThread::read_back() {
  Result<kernel::State> result;
  with([&](kernel::Backend& backend) { result = backend.read_back(); });
  return result;
}

kernel::Counters InjectorThread::counters() {
  kernel::Counters sum;
  with([&](kernel::Backend& backend) {
    for (const auto& [name, counters] : backend.counters().value_or(kernel::Tally{})) add(sum, counters);
  });
  return sum;
}

InjectorProcess::InjectorProcess(const Lab& lab, const kernel::State& state, BackendMaker make) {
  int pipe[2] = {};
  if (::pipe2(pipe, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  pid_ = ::fork();
  if (pid_ == 0) {
    lab.inside(Side::target, [&] {
      auto backend = make();
      const bool good = backend && (*backend)->apply(state);
      (void)!::write(pipe[1], good ? "y" : "n", 1);
      if (good) serve(**backend, -1, [] { return false; });
    });
    ::_exit(0);
  }
  ::close(pipe[1]);
  char answer = 'n';
  (void)!::read(pipe[0], &answer, 1);
  ::close(pipe[0]);
  ready_ = answer == 'y';
}

InjectorProcess::~InjectorProcess() {
  if (pid_ < 0) return;
  signal(SIGKILL);
  wait();
}

// Never with a pid of -1, which would mean every process of the machine.
void InjectorProcess::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void InjectorProcess::wait() {
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace entropy::testing
