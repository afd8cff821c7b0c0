#include "base/result.hpp"

#include <cerrno>
#include <cstring>

namespace entropy {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
      return "invalid";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::precondition:
      return "precondition";
    case ErrorCode::permission:
      return "permission";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::timeout:
      return "timeout";
    case ErrorCode::protocol:
      return "protocol";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

Error context(std::string_view doing, Error error) {
  error.message = std::string(doing) + ": " + error.message;
  return error;
}

Error errno_error(std::string_view doing, int errno_value) {
  ErrorCode code = ErrorCode::internal;
  switch (errno_value) {
    case EPERM:
    case EACCES:
      code = ErrorCode::permission;
      break;
    case ENOENT:
    case ENODEV:
      code = ErrorCode::not_found;
      break;
    case EEXIST:
    case EBUSY:
      code = ErrorCode::conflict;
      break;
    case EOPNOTSUPP:
    case ENOSYS:
    case EAFNOSUPPORT:
      code = ErrorCode::unsupported;
      break;
    case ETIMEDOUT:
      code = ErrorCode::timeout;
      break;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EAGAIN:
      code = ErrorCode::unavailable;
      break;
    case EINVAL:
      code = ErrorCode::invalid;
      break;
    default:
      break;
  }
  return Error{code, std::string(doing) + ": " + std::strerror(errno_value), {}};
}

}  // namespace entropy
