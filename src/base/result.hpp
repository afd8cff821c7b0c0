// Errors are values: what went wrong (a code for programs), a message for people that names the thing and the way
// out, and for bad input every offending field. Context is added on the way up with `context`.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace entropy {

enum class ErrorCode {
  invalid,       // the input is wrong; `fields` says where
  not_found,     // the named thing is not there
  conflict,      // the name is taken, the state forbids it
  precondition,  // the caller's idea of the revision is out of date
  permission,    // refused by the kernel, the engine or our own authentication
  unavailable,   // the other side can't be reached or gave up; trying again may help
  unsupported,   // this engine, kernel or build can't do it
  timeout,       // no answer in time
  protocol,      // the other side answered something we don't understand
  internal,      // a fault of ours
};

std::string_view to_string(ErrorCode code);

// One offending field of an input: `field` is a path such as "failure.latency.delay".
struct FieldError {
  std::string field;
  std::string message;
  bool operator==(const FieldError&) const = default;
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::vector<FieldError> fields = {};
  bool operator==(const Error&) const = default;
};

template <class T = void>
using Result = std::expected<T, Error>;

// `return fail(ErrorCode::not_found, "no policy named " + name);`
inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message), {}});
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

// The same error with "what we were doing: " put before its message.
Error context(std::string_view doing, Error error);

// An error whose code is made from errno and whose message ends in strerror.
Error errno_error(std::string_view doing, int errno_value);

}  // namespace entropy
