#include "cli/child.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/text.hpp"

namespace entropy::cli {
namespace {

sigset_t handed_out() {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) sigaddset(&set, each);
  return set;
}

bool is_file(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::vector<std::string> places_of(const std::string& program) {
  if (program.contains('/')) return {program};
  const char* path = std::getenv("PATH");
  std::vector<std::string> places;
  for (const auto folder : split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    places.push_back(concat(folder.empty() ? "." : folder, "/", program));
  }
  return places;
}

[[noreturn]] void execute(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments.front(), arguments.data());
  const int code = errno == ENOENT ? 127 : 126;
  const Error error = errno_error(words.front(), errno);
  const std::string line = concat("entropy: ", error.message, "\n");
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  ::_exit(code);
}

}  // namespace

Signals::Signals() {
  const sigset_t set = handed_out();
  ::sigprocmask(SIG_BLOCK, &set, &before_);
  descriptor_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

Signals::~Signals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

void Signals::undo_in_child() const {
  std::signal(SIGPIPE, SIG_DFL);  // this program ignores it, and that would be inherited
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<Signal> Signals::wait(std::chrono::milliseconds at_most, int also) const {
  std::array<pollfd, 2> wanted = {{{descriptor_.get(), POLLIN, 0}, {also, POLLIN, 0}}};
  if (::poll(wanted.data(), wanted.size(), static_cast<int>(at_most.count())) <= 0) return std::nullopt;
  signalfd_siginfo info{};
  if (::read(descriptor_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return Signal{static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
}

Result<> Child::check(const std::vector<std::string>& words) {
  bool found = false;
  for (const auto& place : places_of(words.front())) {
    if (!is_file(place)) continue;
    found = true;
    if (::access(place.c_str(), X_OK) == 0) return {};
  }
  if (found) return fail(ErrorCode::permission, concat(words.front(), ": cannot be executed (chmod +x?)"));
  return fail(ErrorCode::not_found, concat(words.front(), ": command not found"));
}

Result<Child> Child::start(const std::vector<std::string>& words, const Signals& signals) {
  const pid_t pid = ::fork();
  if (pid < 0) return fail(errno_error(concat("starting ", words.front()), errno));
  if (pid == 0) {
    signals.undo_in_child();
    execute(words);
  }
  return Child(pid, Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
}

std::optional<int> Child::ended() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void Child::send(int signal) const { ::kill(pid_, signal); }

}  // namespace entropy::cli
