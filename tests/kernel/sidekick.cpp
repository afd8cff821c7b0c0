#include "kernel/sidekick.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "base/text.hpp"

namespace entropy::testing {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
  Fd reader;
  Fd writer;
};

}  // namespace

Sidekick::Sidekick(const Lab& lab) {
  Pipe input;
  Pipe output;
  // As fork, but the child is process 1, whom the kernel spares every signal that it does not handle.
  pid_ = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid_ < 0) throw std::runtime_error("clone");
  if (pid_ == 0) {
    ::dup2(input.reader.get(), STDIN_FILENO);
    ::dup2(output.writer.get(), STDOUT_FILENO);
    lab.inside(Side::target, [] { ::execl(INJECTOR_PATH, "entropy-injector", nullptr); });
    ::_exit(127);
  }
  input_ = std::move(input.writer);
  output_ = std::move(output.reader);
}

Sidekick::~Sidekick() {
  signal(SIGKILL);
  (void)wait(5s);
}

void Sidekick::send_line(const std::string& line) {
  const std::string bytes = line + '\n';
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::write(input_.get(), bytes.data() + sent, bytes.size() - sent);
    if (count < 0) throw std::runtime_error("write");
    sent += static_cast<std::size_t>(count);
  }
}

std::optional<std::string> Sidekick::next_line() {
  while (lines_.empty()) {
    if (!wait_readable(output_, 5s)) return std::nullopt;
    char buffer[65'536];
    const ssize_t count = ::read(output_.get(), buffer, sizeof buffer);
    if (count <= 0) return std::nullopt;
    splitter_.feed({buffer, static_cast<std::size_t>(count)},
                   [&](std::string_view line) { lines_.emplace_back(line); });
  }
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  return line;
}

std::optional<std::vector<std::string>> Sidekick::read_header() {
  std::vector<std::string> lines;
  for (int i = 0; i < 3; ++i) {
    const auto line = next_line();
    if (!line) return std::nullopt;
    lines.push_back(*line);
  }
  return lines;
}

std::optional<int> Sidekick::wait(std::chrono::milliseconds timeout) {
  int status = 0;
  if (pid_ <= 0) return std::nullopt;
  const auto reaped = [&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; };
  if (!wait_until(timeout, reaped)) return std::nullopt;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace entropy::testing
