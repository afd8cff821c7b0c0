#include "main/data_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/text.hpp"

namespace entropy {
Result<DataDir> DataDir::open(const std::string& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error)
    return fail(ErrorCode::permission, concat("the data directory ", path, ": ", error.message(), " (see --data-dir)"));
  if (made) ::chmod(path.c_str(), 0700);
  const std::string lock_path = path + "/lock";
  Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return fail(errno_error(concat("the data directory ", path, " (see --data-dir)"), errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::conflict,
                concat("another Entropy uses the data directory ", path, ": end it, or give another --data-dir"));
  }
  return DataDir(path, std::move(lock));
}

}  // namespace entropy
