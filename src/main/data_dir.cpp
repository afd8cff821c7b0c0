#include "main/data_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/text.hpp"

namespace entropy {
namespace {

Result<std::string> random_token() {
  std::array<unsigned char, 32> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return fail(errno_error("making a token", errno));
  }
  std::string token;
  for (const unsigned char byte : bytes) {
    token += "0123456789abcdef"[byte >> 4];
    token += "0123456789abcdef"[byte & 15];
  }
  return token;
}

Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  std::getline(file, token);
  if (!file && token.empty()) return fail(ErrorCode::permission, concat("the token file ", path, " can't be read, or is empty"));
  return std::string(trim(token));
}

}  // namespace

Result<DataDir> DataDir::open(const std::string& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) return fail(ErrorCode::permission, concat("the data directory ", path, ": ", error.message(), " (see --data-dir)"));
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

Result<std::string> DataDir::token() const {
  const std::string path = path_ + "/token";
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return errno == EEXIST ? read_token(path) : fail(errno_error(concat("the token file ", path), errno));
  auto token = random_token();
  if (!token) return token;
  const std::string line = *token + "\n";
  if (::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) || ::fsync(file.get()) != 0) {
    const Error why = errno_error(concat("the token file ", path), errno);
    ::unlink(path.c_str());
    return fail(why);
  }
  return token;
}

}  // namespace entropy
