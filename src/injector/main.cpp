// entropy-injector: lives in its target's network namespace and does what the manager says on standard input.
#include <sys/prctl.h>
#include <unistd.h>

#include <string_view>

#include "base/text.hpp"
#include "injector/loop.hpp"
#include "kernel/backend.hpp"

namespace {

constexpr std::string_view version = ENTROPY_VERSION;

void say(int fd, const std::string& text) { (void)!::write(fd, text.data(), text.size()); }

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    say(STDOUT_FILENO, entropy::concat("entropy-injector ", version, '\n'));
    return 0;
  }
  if (argc > 1) {
    say(STDERR_FILENO, "entropy-injector: takes no arguments but --version; commands are read from standard input\n");
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
