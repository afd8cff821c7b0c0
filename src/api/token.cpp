#include "api/token.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

Result<std::string> random_token() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return fail(ErrorCode::internal, "no random numbers for a token");
  }
  constexpr std::string_view hex = "0123456789abcdef";
  std::string token;
  for (const unsigned char byte : bytes) {
    token += hex[byte >> 4];
    token += hex[byte & 15];
  }
  return token;
}

// Complete or not there: a crash while writing must not leave half a token.
Result<std::string> write_token(const std::string& path) {
  auto token = random_token();
  if (!token) return token;
  const std::string line = *token + "\n";
  const std::string draft = path + ".new";
  const Fd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return fail(errno_error(concat("making ", draft), errno));
  const bool written = ::write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (!written || ::fsync(file.get()) != 0 || ::rename(draft.c_str(), path.c_str()) != 0) {
    return fail(errno_error(concat("writing ", path), errno));
  }
  return token;
}

Result<std::string> read_token(const Fd& file, const std::string& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(errno_error(concat("reading ", path), errno));
  if ((status.st_mode & 077) != 0) {
    return fail(ErrorCode::permission,
                concat(path, " may be read by others: chmod 600 it, or remove it for a new token"));
  }
  std::array<char, 4096> buffer{};
  const auto count = ::read(file.get(), buffer.data(), buffer.size());
  if (count < 0) return fail(errno_error(concat("reading ", path), errno));
  const std::string_view token = trim(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
  if (token.empty()) return fail(ErrorCode::invalid, concat(path, " is empty: remove it for a new token"));
  return std::string(token);
}

}  // namespace

Result<std::string> keep_token(const std::string& data_dir, std::string_view name) {
  const std::string path = concat(data_dir, "/", name);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file) return read_token(file, path);
  if (errno != ENOENT) return fail(errno_error(concat("reading ", path), errno));
  return write_token(path);
}

}  // namespace entropy::api
