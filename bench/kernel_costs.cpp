// What making and undoing a state takes, and what a packet costs under it, on every backend that this kernel has.
// Usage: kernel_costs [datagrams]
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/text.hpp"
#include "kernel/lab.hpp"

namespace entropy::testing {
namespace {

using Clock = std::chrono::steady_clock;
using kernel::Cut;
using kernel::Effect;
using kernel::State;

constexpr int port = 7779;
constexpr int rounds = 30;

double milliseconds_of(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return Milliseconds(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
  return values[values.size() / 2];
}

// Of the whole process: who sends, who receives, who holds.
double cpu_microseconds() {
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& time) {
    return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

// CPU time for each datagram that arrives; in bursts that every queue takes.
double cost_of_a_packet(const Lab& lab, Side from, int count) {
  constexpr int burst = 50;
  const Side to = from == Side::target ? Side::peer : Side::target;
  const auto address = Lab::address(to, Ip::v4, port);
  const Fd receiver = lab.socket(to, Ip::v4, SOCK_DGRAM);
  bind_to(receiver, address);
  const Fd sender = lab.socket(from, Ip::v4, SOCK_DGRAM);
  const char data[200] = {};
  char buffer[256];
  int arrived = 0;
  const double begin = cpu_microseconds();
  for (int sent = 0; sent < count; sent += burst) {
    for (int i = 0; i < burst; ++i) {
      (void)::sendto(sender.get(), data, sizeof data, 0, reinterpret_cast<const sockaddr*>(&address),
                     length_of(address));
    }
    for (int got = 0; got < burst && wait_readable(receiver, 100ms); ++got) {
      if (::recv(receiver.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) ++arrived;
    }
  }
  return (cpu_microseconds() - begin) / std::max(arrived, 1);
}

Effect delayed(Duration delay) { return {{{delay, {}, 0, {}}}, {}, 0, Cut::none}; }

State of_many_classes() {
  std::vector<kernel::Class> classes;
  for (unsigned i = 0; i < kernel::most_classes; ++i) {
    kernel::Match match;
    match.peers = kernel::Addresses::of({*parse_prefix(concat("10.9.0.", 100 + i))});
    classes.push_back({concat("p", i, "/latency"), match, delayed(1ms)});
  }
  return {kernel::Traffic(classes), kernel::Traffic(classes)};
}

struct Case {
  const char* name;
  State state;
};

void measure(const char* backend, BackendMaker make, int count) {
  const Lab lab;
  const double undisturbed = cost_of_a_packet(lab, Side::target, count);
  InjectorThread injector(lab, make);
  State names;
  names.names = {{"p/dns", {"db"}, {}, kernel::Denial::nxdomain}};
  const std::vector<Case> cases = {{"nothing", {}},
                                   {"loss of 0.0001%", {Effect{{}, {}, 1e-6, Cut::none}, {}}},
                                   {"latency 1 ms, egress", {delayed(1ms), {}}},
                                   {"latency 1 ms, 15 classes of others", of_many_classes()},
                                   {"dns", names}};
  for (const auto& [name, state] : cases) {
    std::vector<double> made;
    std::vector<double> undone;
    for (int i = 0; i < rounds; ++i) {
      made.push_back(milliseconds_of([&] { (void)injector.apply(state); }));
      undone.push_back(milliseconds_of([&] { (void)injector.apply({}); }));
    }
    if (const auto applied = injector.apply(state); !applied) {
      std::printf("| %s | %s | %s | | |\n", backend, name, applied.error().message.c_str());
      continue;
    }
    const double cost = cost_of_a_packet(lab, Side::target, count);
    std::printf("| %s | %s | %.2f ms | %.2f ms | %.1f us | %.1f us |\n", backend, name, median(made), median(undone),
                cost, undisturbed);
  }
}

}  // namespace
}  // namespace entropy::testing

int main(int count, char** arguments) {
  using namespace entropy;
  if (const auto reason = testing::why_no_lab()) {
    std::fprintf(stderr, "%s\n", reason->c_str());
    return 1;
  }
  const int datagrams = count > 1 ? std::atoi(arguments[1]) : 50'000;
  std::puts("| backend | state | made | undone | CPU of a datagram | undisturbed |\n|---|---|---|---|---|---|");
  const std::pair<const char*, testing::BackendMaker> backends[] = {{"netem", &kernel::make_netem_backend},
                                                                    {"userspace", &kernel::make_userspace_backend}};
  for (const auto& [name, make] : backends) {
    std::string lacking;
    const testing::BackendMaker try_it = make;
    testing::Lab().inside(testing::Side::target, [&] {
      if (const auto made = try_it(); !made) lacking = made.error().message;
    });
    if (lacking.empty()) {
      testing::measure(name, make, datagrams);
    } else {
      std::printf("| %s | %s | | | | |\n", name, lacking.c_str());
    }
  }
  return 0;
}
