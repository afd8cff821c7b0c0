#include "api/problem.hpp"

#include "policy/policy_json.hpp"

namespace entropy::api {
namespace {

unsigned status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::precondition:
      return 412;
    case ErrorCode::permission:
      return 403;
    case ErrorCode::unavailable:
      return 503;
    case ErrorCode::unsupported:
      return 501;
    case ErrorCode::timeout:
      return 503;
    case ErrorCode::protocol:
      return 502;
    case ErrorCode::internal:
      return 500;
  }
  return 500;
}

}  // namespace

Response problem(unsigned status, std::string detail, const std::vector<FieldError>& fields) {
  boost::json::object body;
  body["type"] = "about:blank";
  body["title"] = reason_phrase(status);
  body["status"] = status;
  body["detail"] = detail;
  body["message"] = std::move(detail);
  if (!fields.empty()) {
    boost::json::array errors;
    for (const auto& each : fields) errors.push_back({{"field", each.field}, {"message", each.message}});
    body["errors"] = std::move(errors);
  }
  return {status, "application/problem+json", policy::print_json(body) + "\n"};
}

Response problem(const Error& error) { return problem(status_of(error.code), error.message, error.fields); }

Response bad_field(std::string field, std::string message) {
  std::string detail = field + ": " + message;
  return problem(400, std::move(detail), {{std::move(field), std::move(message)}});
}

}  // namespace entropy::api
