#include "cli/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/text.hpp"

namespace entropy::cli {
namespace {

constexpr std::string_view prefix = "entropy-run-";
constexpr std::string_view wildcard = "XXXXXX";

Fd open_folder(const std::string& path) {
  return Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool take_lock(const Fd& fd) { return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0; }

// The service's own lock (main/data_dir.hpp): it lives, too, where the folder's own is not taken.
bool has_service(const Fd& folder) {
  const Fd lock(::openat(folder.get(), "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  return lock ? !take_lock(lock) : errno != ENOENT;
}

void remove_if_dead(const std::string& path) {
  const Fd folder = open_folder(path);
  struct stat status{};
  if (!folder || ::fstat(folder.get(), &status) != 0 || status.st_uid != ::geteuid()) return;
  if (!take_lock(folder) || has_service(folder)) return;
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

// What stays is in nobody's way: errors don't matter.
void remove_dead_ones(const std::string& parent) {
  std::error_code error;
  for (std::filesystem::directory_iterator each(parent, error), end; !error && each != end; each.increment(error)) {
    const std::string name = each->path().filename();
    if (name.starts_with(prefix) && name.size() == prefix.size() + wildcard.size()) remove_if_dead(each->path());
  }
}

// None: another run, which saw it before it was locked, has taken it for a dead one's.
std::optional<Fd> lock_new(const std::string& path) {
  Fd folder = open_folder(path);
  if (!folder) return std::nullopt;
  if (!take_lock(folder) && errno == EWOULDBLOCK) return std::nullopt;
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return folder;
}

}  // namespace

Result<RunFolder> RunFolder::make(const std::string& parent) {
  constexpr int attempts = 10;
  remove_dead_ones(parent);
  for (int i = 0; i < attempts; ++i) {
    std::string path = concat(parent, "/", prefix, wildcard);
    if (::mkdtemp(path.data()) == nullptr) return fail(errno_error(concat("making ", path), errno));
    if (auto lock = lock_new(path)) return RunFolder(std::move(path), std::move(*lock));
  }
  return fail(ErrorCode::unavailable, concat("making a folder in ", parent, ": each one is taken away at once"));
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace entropy::cli
