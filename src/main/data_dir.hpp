// The folder where the service keeps what must survive it. One service at a time.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace entropy {

class DataDir {
 public:
  // Makes the folder (mode 0700) if needed and holds it until the object goes. ErrorCode::conflict when another service
  // has it.
  static Result<DataDir> open(const std::string& path);

  std::string database() const { return path_ + "/entropy.db"; }

 private:
  DataDir(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  Fd lock_;
};

}  // namespace entropy
