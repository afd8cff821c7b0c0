// What applications see under each fault, beside what was asked: a Markdown table for every backend that this kernel
// has. The same cases and traffic as in tests/kernel, with figures instead of verdicts. Usage: fault_cases (as root)
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <numeric>

#include "base/text.hpp"
#include "kernel/lab.hpp"
#include "kernel/netem.hpp"
#include "kernel/traffic.hpp"

namespace entropy::testing {
namespace {

using kernel::Cut;
using kernel::Effect;
using kernel::State;

Result<std::unique_ptr<kernel::Backend>> make_without_egress_hook() {
  return kernel::NetemBackend::make(kernel::EgressHook::unused);
}

enum class Way { egress, ingress };
constexpr Way ways[] = {Way::egress, Way::ingress};
const char* name_of(Way way) { return way == Way::egress ? "egress" : "ingress"; }
const char* name_of(Ip ip) { return ip == Ip::v4 ? "IPv4" : "IPv6"; }
Side sender_of(Way way) { return way == Way::egress ? Side::target : Side::peer; }
State state_of(const Effect& effect, Way way) { return way == Way::egress ? State{effect, {}} : State{{}, effect}; }
Effect delayed(Duration delay) { return {{{delay, {}, 0, {}}}, {}, 0, Cut::none}; }

void row(const std::string& what, const std::string& asked, const std::string& seen) {
  std::printf("| %s | %s | %s |\n", what.c_str(), asked.c_str(), seen.c_str());
  std::fflush(stdout);
}

std::string fixed(double value, int digits = 1) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// One backend in one pair of namespaces.
class Table {
 public:
  explicit Table(BackendMaker make) : make_(make), injector_(lab_, make) {
    for (const Ip ip : {Ip::v4, Ip::v6}) one_way(lab_, Side::target, ip);  // neighbours get to know each other
  }

  void run() {
    row("undisturbed", "", concat(fixed(median_delay(Way::egress, Ip::v4), 2), " ms"));
    for (const Way way : ways) latencies(way);
    for (const Way way : ways) jitters(way);
    for (const Way way : ways) losses(way);
    for (const Way way : ways) reorders(way);
    for (const Way way : ways) drops(way);
    for (const Way way : ways) rejects(way);
    deaths();
  }

 private:
  bool apply(const State& state) {
    const auto applied = injector_.apply(state);
    if (!applied) row("", "", concat("refused: ", applied.error().message));
    return applied.has_value();
  }

  double median_delay(Way way, Ip ip) const {
    std::vector<double> seen;
    for (int i = 0; i < 25; ++i) {
      const auto took = one_way(lab_, sender_of(way), ip);
      if (took) seen.push_back(took->count());
    }
    std::ranges::sort(seen);
    return seen.empty() ? NAN : seen[seen.size() / 2];
  }

  void latencies(Way way) {
    for (const auto delay : {1ms, 10ms, 100ms}) {
      if (!apply(state_of(delayed(delay), way))) continue;
      for (const Ip ip : {Ip::v4, Ip::v6}) {
        row(concat("latency, ", name_of(way), ", ", name_of(ip)), concat(delay.count(), " ms"),
            concat(fixed(median_delay(way, ip), 2), " ms"));
      }
    }
  }

  void jitters(Way way) {
    Effect effect = delayed(50ms);
    effect.delays[0].jitter = 10ms;
    effect.delays[0].distribution = kernel::Distribution::normal;
    if (!apply(state_of(effect, way))) return;
    std::vector<double> seen;
    for (int i = 0; i < 100; ++i) seen.push_back(one_way(lab_, sender_of(way), Ip::v4).value_or(3s).count());
    const double mean = std::accumulate(seen.begin(), seen.end(), 0.0) / static_cast<double>(seen.size());
    double squares = 0;
    for (const double each : seen) squares += (each - mean) * (each - mean);
    const auto arrived = stream(lab_, sender_of(way), Ip::v4, 1000, 100us);
    row(concat("latency with jitter, normal, ", name_of(way)), "50 ± 10 ms, in order",
        concat(fixed(mean), " ± ", fixed(std::sqrt(squares / static_cast<double>(seen.size()))), " ms, ",
               std::ranges::is_sorted(arrived) ? "in order" : "out of order"));
  }

  void losses(Way way) {
    for (const double share : {0.01, 0.1, 0.5}) {
      Effect effect;
      effect.loss = share;
      if (!apply(state_of(effect, way))) continue;
      for (const Ip ip : {Ip::v4, Ip::v6}) {
        constexpr int count = 5000;
        const auto arrived = static_cast<double>(stream(lab_, sender_of(way), ip, count, 20us).size());
        row(concat("loss, ", name_of(way), ", ", name_of(ip)), concat(fixed(100 * share, 0), " % of ", count),
            concat(fixed(100 - 100 * arrived / count, 2), " %"));
      }
    }
  }

  void reorders(Way way) {
    Effect effect;
    effect.reorders = {{0.25, 100ms, 0, 0}};
    if (!apply(state_of(effect, way))) return;
    const auto arrived = stream(lab_, sender_of(way), Ip::v4, 2000, 100us);
    int waited = 0;
    int highest = -1;
    for (const int number : arrived) {
      waited += number < highest ? 1 : 0;
      highest = std::max(highest, number);
    }
    row(concat("reorder, ", name_of(way)), "25 % of 2000 ahead",
        concat(fixed(100.0 - waited / 20.0), " %, ", arrived.size(), " arrived"));
  }

  void drops(Way way) {
    Effect effect;
    effect.cut = Cut::drop;
    for (const Ip ip : {Ip::v4, Ip::v6}) {
      const Connection connection = connected(lab_, ip);
      if (!apply(state_of(effect, way))) return;
      const auto arrived = stream(lab_, sender_of(way), ip, 50, 0us).size();
      const Fd& from = way == Way::egress ? connection.target : connection.peer;
      const Fd& to = way == Way::egress ? connection.peer : connection.target;
      (void)!::send(from.get(), "ping", 4, 0);
      const bool crossed = wait_readable(to, 500ms);
      apply({});
      const auto undone = Clock::now();
      const bool resumed = wait_readable(to, 5s);
      row(concat("partition (drop), ", name_of(way), ", ", name_of(ip)), "silence; a connection survives",
          concat(arrived, " of 50 arrived, no error", crossed ? ", TCP crossed" : "", ", TCP ",
                 resumed ? concat("went on after ", milliseconds_since(undone), " ms") : "did not go on"));
    }
  }

  void rejects(Way way) {
    Effect effect;
    effect.cut = Cut::reject;
    for (const Ip ip : {Ip::v4, Ip::v6}) {
      const Connection connection = connected(lab_, ip);
      if (!apply(state_of(effect, way))) return;
      const Fd& speaker = way == Way::egress ? connection.target : connection.peer;
      const auto start = Clock::now();
      char byte = 0;
      const bool failed = ::send(speaker.get(), "ping", 4, MSG_NOSIGNAL) < 0 || ::recv(speaker.get(), &byte, 1, 0) < 0;
      const int error = failed ? errno : 0;
      row(concat("partition (reject), ", name_of(way), ", ", name_of(ip)), "connection reset at once",
          concat(error == ECONNRESET ? "reset" : concat("errno ", error), " after ", milliseconds_since(start), " ms"));
      apply({});
    }
  }

  static std::int64_t milliseconds_since(Clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
  }

  std::string time_until_clean() const {
    const auto start = Clock::now();
    const bool clean = wait_until(5s, [&] {
      const auto took = one_way(lab_, Side::target, Ip::v4, 64, 50ms);
      return took && *took < 50ms;
    });
    return clean ? concat("clean after ", milliseconds_since(start), " ms") : "not clean after 5 s";
  }

  void deaths() {
    for (const auto& [name, signal] : {std::pair{"SIGKILL", SIGKILL}, {"SIGSTOP", SIGSTOP}, {"SIGTERM", SIGTERM}}) {
      apply({});
      InjectorProcess victim(lab_, state_of(delayed(200ms), Way::egress), make_);
      if (!victim.ready()) return row(name, "", "the fault could not be made");
      victim.signal(signal);
      row(concat("200 ms, then ", name, " of the injector"), "clean traffic", time_until_clean());
      victim.signal(SIGKILL);
    }
  }

  BackendMaker make_;
  Lab lab_;
  InjectorThread injector_;
};

int run() {
  for (const auto& [name, make] : {std::pair{"netem", &kernel::make_netem_backend},
                                   {"netem without the egress hook", &make_without_egress_hook},
                                   {"userspace", &kernel::make_userspace_backend}}) {
    std::string lacking;
    const Lab lab;
    lab.inside(Side::target, [&] {
      if (const auto made = make(); !made) lacking = made.error().message;
    });
    std::printf("\n### %s\n\n", name);
    if (!lacking.empty()) {
      std::printf("Not on this kernel: %s.\n", lacking.c_str());
      continue;
    }
    std::printf("| case | asked | seen |\n|---|---|---|\n");
    Table(make).run();
  }
  return 0;
}

}  // namespace
}  // namespace entropy::testing

int main() {
  if (const auto reason = entropy::testing::why_no_lab()) {
    std::fprintf(stderr, "%s\n", reason->c_str());
    return 1;
  }
  return entropy::testing::run();
}
