// The folder of a `run --standalone`, in which its service has its data; removed when its owner goes.
#pragma once

#include <string>
#include <utility>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace entropy::cli {

// It is locked (flock on the folder itself) for as long as the run lives, or the service that it has forked: a lock
// dies with the last process that has it. Whoever makes a folder first removes those beside it that nobody locks.
class RunFolder {
 public:
  static Result<RunFolder> make(const std::string& parent);
  RunFolder(RunFolder&& other) noexcept : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
  RunFolder& operator=(RunFolder&&) = delete;
  ~RunFolder();

  const std::string& path() const { return path_; }

 private:
  RunFolder(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  Fd lock_;
};

}  // namespace entropy::cli
