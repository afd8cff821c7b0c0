#include "policy/condition.hpp"

#include "base/text.hpp"

namespace entropy::policy {
namespace {

std::string text_of(const ContainerCondition& condition) {
  return concat(name_of(condition.kind), ": ", condition.selector ? condition.selector->text() : "targets");
}
std::string text_of(const HttpCondition& condition) {
  return concat(condition.up ? "http_up: " : "http_down: ", condition.url);
}
std::string text_of(const PrometheusCondition& condition) {
  return concat("prometheus: ", condition.query, condition.above ? " above " : " below ", to_string(condition.value));
}

}  // namespace

std::string describe(const Condition& condition) {
  return std::visit([](const auto& each) { return text_of(each); }, condition);
}

std::string_view name_of(ContainerCondition::Kind kind) {
  switch (kind) {
    case ContainerCondition::Kind::unhealthy:
      return "unhealthy";
    case ContainerCondition::Kind::healthy:
      return "healthy";
    case ContainerCondition::Kind::died:
      return "died";
    case ContainerCondition::Kind::oom_killed:
      return "oom_killed";
  }
  return "unhealthy";
}

const Pace* pace_of(const Condition& condition) {
  if (const auto* http = std::get_if<HttpCondition>(&condition)) return &http->pace;
  if (const auto* prometheus = std::get_if<PrometheusCondition>(&condition)) return &prometheus->pace;
  return nullptr;
}

}  // namespace entropy::policy
