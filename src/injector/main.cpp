// entropy-injector: lives in its target's network namespace and does what the manager says on standard input.
#include <sys/prctl.h>
#include <unistd.h>

#include <string_view>

#include "base/text.hpp"
#include "injector/loop.hpp"
#include "kernel/backend.hpp"
#include "kernel/examine.hpp"
#include "kernel/snapshot.hpp"
#include "program/report.hpp"

namespace {

constexpr std::string_view version = ENTROPY_VERSION;

void say(int fd, const std::string& text) { (void)!::write(fd, text.data(), text.size()); }

// One line of JSON for each backend; for a namespace that is thrown away.
int examine() {
  for (const auto& [backend, missing] : entropy::kernel::examine()) {
    say(STDOUT_FILENO, entropy::program::to_json_line(entropy::program::Examined{backend, missing}) + '\n');
  }
  return 0;
}

// One line of JSON for each thing that the namespace holds.
int take_snapshot() {
  const auto lines = entropy::kernel::snapshot();
  if (!lines) {
    say(STDERR_FILENO, entropy::concat("entropy-injector: ", lines.error().message, '\n'));
    return 1;
  }
  for (const auto& line : *lines)
    say(STDOUT_FILENO, entropy::program::to_json_line(entropy::program::Log{line}) + '\n');
  return 0;
}

// Keeps a network namespace for others until standard input ends.
int hold() {
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    say(STDOUT_FILENO, entropy::concat("entropy-injector ", version, '\n'));
    return 0;
  }
  if (argc == 2 && std::string_view(argv[1]) == "--examine") return examine();
  if (argc == 2 && std::string_view(argv[1]) == "--snapshot") return take_snapshot();
  if (argc == 2 && std::string_view(argv[1]) == "--hold") return hold();
  if (argc > 1) {
    say(STDERR_FILENO,
        "entropy-injector: takes no arguments but --version, --examine, --snapshot and --hold; commands are read from "
        "standard input\n");
    return 2;
  }
  // A window's edge and a held packet's time are as exact as the kernel can be.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  auto loop = entropy::injector::Loop::make(entropy::kernel::make_backend(), std::string(version));
  if (!loop) {
    say(STDERR_FILENO, entropy::concat("entropy-injector: ", loop.error().message, '\n'));
    return 1;
  }
  return (*loop)->run();
}
