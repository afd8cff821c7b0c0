#include "injector/loop.hpp"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/text.hpp"
#include "failure/catalogue.hpp"
#include "injector/no_backend.hpp"

namespace entropy::injector {
namespace {

Result<> make_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return fail(errno_error("fcntl", errno));
  return {};
}

timespec to_timespec(Duration duration) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  const std::chrono::nanoseconds rest = duration - seconds;
  return {seconds.count(), rest.count()};
}

std::string header() {
  std::vector<std::string> names;
  for (const auto& kind : failure::catalogue()) names.push_back(json_string(kind.name));
  return concat(program::header_open, '\n', R"({"started":true,"available_failures":[)", join(names, ","),
                R"(],"validation_errors":[]})", '\n', program::header_close, '\n');
}

bool try_again(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Result<std::unique_ptr<Loop>> Loop::make(Result<std::unique_ptr<kernel::Backend>> backend, std::string version) {
  const std::string trouble = backend ? "" : backend.error().message;
  auto edge = backend ? std::move(*backend) : std::make_unique<NoBackend>(backend.error());
  std::unique_ptr<Loop> loop(new Loop(std::move(edge), std::move(version), trouble));
  if (auto opened = loop->open(); !opened) return fail(std::move(opened.error()));
  return loop;
}

Loop::Loop(std::unique_ptr<kernel::Backend> backend, std::string version, std::string trouble)
    : backend_(std::move(backend)),
      injector_({*backend_, clock_, steady_, std::move(version), std::move(trouble)},
                [this](const program::Report& report) { output_.push(report); }) {}

Result<> Loop::open() {
  // A blocked signal reaches a signalfd even in process 1, to whom the default action of SIGTERM does not apply.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) < 0) return fail(errno_error("sigprocmask", errno));
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = Fd(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_) return fail(errno_error("signalfd", errno));
  timer_ = Fd(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer_) return fail(errno_error("timerfd_create", errno));
  // Both may be one open file: each write and read here copes with EAGAIN.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
    if (auto made = make_nonblocking(fd); !made) return made;
  }
  return {};
}

int Loop::run() {
  output_.push_text(header());
  injector_.start();
  while (!injector_.exit_code()) {
    write_reports();
    wait();
    backend_->on_ready();
    injector_.on_time();
    read_signals();
    read_commands();
  }
  write_last_reports();
  return *injector_.exit_code();
}

void Loop::wait() {
  arm_timer();
  polled_.clear();
  polled_.push_back({signals_.get(), POLLIN, 0});
  polled_.push_back({timer_.get(), POLLIN, 0});
  if (input_open_) polled_.push_back({STDIN_FILENO, POLLIN, 0});
  if (!output_.empty()) polled_.push_back({STDOUT_FILENO, POLLOUT, 0});
  for (const int fd : backend_->file_descriptors()) polled_.push_back({fd, POLLIN, 0});
  const timespec timeout = until_due();
  (void)::ppoll(polled_.data(), polled_.size(), &timeout, nullptr);
  std::uint64_t expirations = 0;
  // Readable as well when somebody sets the clock (ECANCELED); then it has to be armed again.
  if (::read(timer_.get(), &expirations, sizeof expirations) > 0 || !try_again(errno)) timer_set_to_ = Time{};
}

// A timer of the wall clock's own, so that setting the clock wakes us; a poll would sleep on for as long as it was
// told.
void Loop::arm_timer() {
  constexpr Time last = Time(std::chrono::hours(24) * 365 * 250);  // a later one overflows in the kernel
  const Time due = std::clamp(injector_.wake_at().wall, Time(Duration(1)), last);
  if (due == timer_set_to_) return;
  timer_set_to_ = due;
  const itimerspec at{{0, 0}, to_timespec(due.time_since_epoch())};
  // A clock that was set just now makes this fail once, with the timer armed all the same.
  if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, nullptr) < 0)
    timer_set_to_ = Time{};
}

timespec Loop::until_due() const {
  Duration longest = injector_.wake_at().steady - steady_.elapsed();
  if (timer_set_to_ == Time{}) longest = Duration::zero();
  longest = std::min(longest, backend_->until_due().value_or(longest));
  return to_timespec(std::max(longest, Duration::zero()));
}

void Loop::read_signals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) > 0) injector_.stop();
}

void Loop::read_commands() {
  if (!input_open_) return;
  std::array<char, 16 * 1024> buffer;
  const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (count > 0) {
    input_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(count)),
                [this](std::string_view line) { injector_.on_line(line); });
  } else if (count == 0 || !try_again(errno)) {
    // Nobody will ever command us again: the lease takes its course.
    input_open_ = false;
  }
}

void Loop::write_reports() {
  while (!output_.empty() && output_open_) {
    const std::string_view next = output_.front();
    const ssize_t written = ::write(STDOUT_FILENO, next.data(), next.size());
    if (written >= 0) {
      output_.consume(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      if (try_again(errno)) return;
      output_open_ = false;
    }
  }
  if (!output_open_) output_.clear();
}

// Whoever reads has a moment to make room; nobody waits for a reader who sleeps.
void Loop::write_last_reports() {
  constexpr Duration patience = std::chrono::milliseconds(200);
  const Duration end = steady_.elapsed() + patience;
  for (write_reports(); !output_.empty(); write_reports()) {
    const Duration left = end - steady_.elapsed();
    if (left <= Duration::zero()) return;
    pollfd writable{STDOUT_FILENO, POLLOUT, 0};
    const timespec timeout = to_timespec(left);
    (void)::ppoll(&writable, 1, &timeout, nullptr);
  }
}

}  // namespace entropy::injector
