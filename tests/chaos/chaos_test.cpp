// The manager converges whatever happens: many seeds of chaos, each some minutes of virtual time.
//
//   control_chaos_test                    the seeds of `make test`
//   control_chaos_test --seeds 1..100000  others
//   control_chaos_test --seed 17          one, with its story
//
// `tools/chaos 1..100000` runs as many on all cores.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/text.hpp"
#include "chaos/storm.hpp"

namespace entropy::chaos {
namespace {

std::uint64_t first_seed = 1;
std::uint64_t last_seed = ENTROPY_CHAOS_SEEDS;
bool with_story = false;
volatile std::sig_atomic_t running_seed = 0;
constexpr int most_failures = 20;
constexpr std::uint64_t tell_every = 1000;  // seeds, where there are many

// That the program crashes is a find as well.
void tell_crash(int signal) {
  char text[64];
  const int length = std::snprintf(text, sizeof text, "seed %d crashes\n", static_cast<int>(running_seed));
  (void)!write(STDERR_FILENO, text, static_cast<std::size_t>(length));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void tell_crashes() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT}) {
    const auto before = std::signal(signal, tell_crash);
    if (before != SIG_DFL) std::signal(signal, before);  // a sanitizer's, which says more
  }
}

TEST(Chaos, EverySeedConverges) {
  tell_crashes();
  int failed = 0;
  for (std::uint64_t seed = first_seed; seed <= last_seed; ++seed) {
    running_seed = static_cast<std::sig_atomic_t>(seed);
    const bool many = last_seed - first_seed > 5 * tell_every;
    if (many && seed % tell_every == 0) {
      std::printf("seed %llu, %d failed\n", static_cast<unsigned long long>(seed), failed);
      std::fflush(stdout);
    }
    const auto tell = [](const std::string& line) { std::printf("%s\n", line.c_str()); };
    const std::string broken = Storm(seed, with_story ? std::function<void(const std::string&)>(tell) : nullptr).run();
    if (broken.empty()) continue;
    ADD_FAILURE() << "seed " << seed << " " << broken << "\nits story: control_chaos_test --seed " << seed;
    if (++failed == most_failures) FAIL() << "that is enough";
  }
}

bool read_seeds(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const bool one = std::strcmp(argv[i], "--seed") == 0;
    if (!one && std::strcmp(argv[i], "--seeds") != 0) return false;
    if (++i == argc) return false;
    char* end = nullptr;
    first_seed = last_seed = std::strtoull(argv[i], &end, 10);
    with_story = one;
    if (!one && std::strncmp(end, "..", 2) == 0) last_seed = std::strtoull(end + 2, &end, 10);
    if (end == argv[i] || *end != 0) return false;
  }
  return true;
}

}  // namespace
}  // namespace entropy::chaos

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!entropy::chaos::read_seeds(argc, argv)) {
    std::fputs("usage: control_chaos_test [--seed N | --seeds FIRST..LAST]\n", stderr);
    return 2;
  }
  // Of a crash the story is wanted most.
  if (entropy::chaos::with_story) std::setvbuf(stdout, nullptr, _IOLBF, 0);
  spdlog::set_level(entropy::chaos::with_story ? spdlog::level::debug : spdlog::level::off);
  return RUN_ALL_TESTS();
}
