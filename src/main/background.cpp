#include "main/background.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <optional>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "main/serve.hpp"

namespace entropy {
namespace {

class ForkedService final : public cli::BackgroundService {
 public:
  explicit ForkedService(pid_t pid) : pid_(pid) {}
  ~ForkedService() override { stop(); }

  bool runs() override {
    int status = 0;
    if (!code_ && ::waitpid(pid_, &status, WNOHANG) == pid_) code_ = code_of(status);
    return !code_;
  }
  int stop() override {
    if (runs()) {
      ::kill(pid_, SIGTERM);
      int status = 0;
      while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
      code_ = code_of(status);
    }
    return *code_;
  }

 private:
  static int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }
  pid_t pid_;
  std::optional<int> code_;
};

[[noreturn]] void become_service(const cli::ManageOptions& options, const Fd& log, pid_t parent) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // it died before that was set
  ::dup2(log.get(), STDERR_FILENO);
  const Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(nothing.get(), STDIN_FILENO);
  ::dup2(nothing.get(), STDOUT_FILENO);
  const int code = serve(options);
  // Whoever has made the folder is no longer there to remove it.
  std::error_code ignored;
  if (::getppid() != parent) std::filesystem::remove_all(options.data_dir, ignored);
  ::_exit(code);
}

}  // namespace

Result<std::unique_ptr<cli::BackgroundService>> serve_in_background(const cli::ManageOptions& options,
                                                                    const std::string& log) {
  const Fd file(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file) return fail(errno_error(log, errno));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(errno_error("starting the service", errno));
  if (pid == 0) become_service(options, file, parent);
  return std::make_unique<ForkedService>(pid);
}

}  // namespace entropy
