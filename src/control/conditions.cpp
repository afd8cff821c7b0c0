#include "control/conditions.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "control/namespaces.hpp"
#include "policy/policy_json.hpp"

namespace entropy::control {
namespace {

namespace json = boost::json;
using Kind = policy::ContainerCondition::Kind;

std::string end_of(const ObservedEnd& end) {
  const std::string& name = end.container.container.name;
  const std::string when = concat(" at ", to_rfc3339(std::chrono::floor<std::chrono::seconds>(end.at)));
  if (end.out_of_memory) return concat(name, " ran out of memory", when);
  if (!end.exit_code) return concat(name, " ended", when);
  return concat(name, " ended with exit code ", *end.exit_code, when);
}

// nullptr: none of these.
const ObservedEnd* find_end(const std::vector<ObservedEnd>& ends, const policy::ContainerCondition& condition,
                            const policy::Record& record, const Rules& rules, const Index& index) {
  const Time since = std::max(record.policy.schedule.epoch, record.updated);
  const auto counts = [&](const ObservedEnd& end) {
    return end.out_of_memory == (condition.kind == Kind::oom_killed) && end.at >= since &&
           is_meant(condition, record, rules, index, end.container);
  };
  const auto found = std::ranges::find_if(ends, counts);
  return found == ends.end() ? nullptr : &*found;
}

std::string health_of(const ObservedContainer& container) {
  const std::string said = container.health_output.empty() ? "" : concat(" (", container.health_output, ")");
  return concat(container.container.name, " is ", container.container.health, said);
}

Finding judge_health(const policy::ContainerCondition& condition, const policy::Record& record, const Rules& rules,
                     const Index& index) {
  std::size_t checked = 0;
  const ObservedContainer* odd = nullptr;  // that is not as the condition would have it, or as it fears
  for (const auto& container : index.observed().containers) {
    const std::string& health = container.container.health;
    if (health.empty() || !is_meant(condition, record, rules, index, container)) continue;
    ++checked;
    const bool is_odd = condition.kind == Kind::healthy ? health != "healthy" : health == "unhealthy";
    if (is_odd && odd == nullptr) odd = &container;
  }
  if (checked == 0) return {false, "no container that is meant has a HEALTHCHECK"};
  if (odd != nullptr) return {condition.kind == Kind::unhealthy, health_of(*odd)};
  return {condition.kind == Kind::healthy,
          concat(checked, condition.kind == Kind::healthy ? " healthy" : " checked, none unhealthy")};
}

// What the answer is, and whether it is as expected.
std::pair<bool, std::string> look_at(const policy::HttpCondition& condition, const Result<HttpAnswer>& answer) {
  if (!answer) return {false, answer.error().message};
  const unsigned status = answer->status;
  const bool expected = condition.status ? status == *condition.status : status >= 200 && status < 400;
  const bool contained = answer->body.contains(condition.contains);
  std::string words = concat("it answered ", status);
  if (expected && !contained) append(words, concat(" without ", quoted(condition.contains)));
  return {expected && contained, std::move(words)};
}

Finding count(Finding before, bool says_so, std::string evidence, std::uint64_t retries) {
  Finding finding{false, std::move(evidence)};
  finding.in_row = says_so ? std::min(before.in_row + 1, retries) : 0;
  finding.holds = finding.in_row >= retries;
  if (finding.in_row > 0 && retries > 1) append(finding.evidence, concat(" (", finding.in_row, " of ", retries, ")"));
  return finding;
}

Result<double> sample_in(const json::value& pair) {
  const auto* row = pair.if_array();
  const auto* text = row != nullptr && row->size() == 2 ? (*row)[1].if_string() : nullptr;
  if (text == nullptr) return fail(ErrorCode::protocol, "the answer has a sample that is none");
  std::string_view digits = *text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size())
    return fail(ErrorCode::protocol, concat("the answer has the sample ", quoted(digits.substr(0, 40))));
  return value;
}

const json::value* field(const json::value* value, std::string_view name) {
  const auto* object = value == nullptr ? nullptr : value->if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

std::string text_in(const json::value* value) {
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace

bool is_about_ends(const policy::ContainerCondition& condition) {
  return condition.kind == Kind::died || condition.kind == Kind::oom_killed;
}

bool is_meant(const policy::ContainerCondition& condition, const policy::Record& record, const Rules& rules,
              const Index& index, const ObservedContainer& container) {
  if (condition.selector) return condition.selector->matches(subject_of(container));
  return record.policy.selector.matches(subject_of(container)) && !excluded(rules, index, container);
}

Finding judge(const policy::ContainerCondition& condition, const policy::Record& record, const Rules& rules,
              const Index& index, const std::vector<ObservedEnd>& missed) {
  if (!is_about_ends(condition)) return judge_health(condition, record, rules, index);
  for (const auto* ends : {&index.observed().ends, &missed}) {
    if (const auto* end = find_end(*ends, condition, record, rules, index)) return {true, end_of(*end)};
  }
  return {false, condition.kind == Kind::died ? "none has ended" : "none ran out of memory"};
}

Finding judge(const policy::HttpCondition& condition, Finding before, const Result<HttpAnswer>& answer) {
  auto [expected, words] = look_at(condition, answer);
  return count(std::move(before), expected == condition.up, std::move(words), condition.pace.retries);
}

Finding judge(const policy::PrometheusCondition& condition, Finding before, const Result<HttpAnswer>& answer) {
  auto samples = answer ? read_query_answer(answer->body) : Result<std::vector<double>>(fail(answer.error()));
  if (!samples && answer && answer->status >= 400 && samples.error().code == ErrorCode::protocol)
    samples = fail(ErrorCode::protocol, concat("it answered ", answer->status));
  if (!samples) {
    before.evidence = concat("it can't be asked: ", samples.error().message);
    before.holds = false;
    before.failures = std::min<std::uint64_t>(before.failures + 1, 1000);
    return before;
  }
  if (samples->empty()) return count(std::move(before), false, "the query has no samples", condition.pace.retries);
  const auto [least, most] = std::ranges::minmax(*samples);
  const double extreme = condition.above ? most : least;
  const bool beyond = condition.above ? extreme > condition.value : extreme < condition.value;
  return count(std::move(before), beyond, concat("the query answers ", entropy::to_string(extreme)),
               condition.pace.retries);
}

Question question_of(const policy::HttpCondition& condition) {
  constexpr std::size_t most_bytes = 64 << 10;
  return {parse_http_url(condition.url).value_or(HttpUrl()), condition.contains.empty() ? 0 : most_bytes};
}

Question question_of(const policy::PrometheusCondition& condition) {
  constexpr std::size_t most_bytes = 1 << 20;
  HttpUrl url = parse_http_url(condition.url).value_or(HttpUrl());
  while (url.target.ends_with('/')) url.target.pop_back();
  append(url.target, concat("/api/v1/query?query=", percent_encode(condition.query)));
  return {std::move(url), most_bytes};
}

Result<std::vector<double>> read_query_answer(std::string_view body) {
  const auto parsed = policy::parse_json(body);
  if (!parsed) return fail(ErrorCode::protocol, concat("the answer is no JSON: ", parsed.error().message));
  if (text_in(field(&*parsed, "status")) != "success") {
    const std::string error = text_in(field(&*parsed, "error"));
    if (error.empty()) return fail(ErrorCode::protocol, "the answer is none of a Prometheus");
    return fail(ErrorCode::invalid, error.substr(0, 200));
  }
  const auto* data = field(&*parsed, "data");
  const auto* result = field(data, "result");
  const std::string type = text_in(field(data, "resultType"));
  if (result == nullptr || !result->is_array() || (type != "vector" && type != "scalar"))
    return fail(ErrorCode::protocol, "the answer is neither a vector nor a scalar");
  std::vector<double> samples;
  const auto add = [&](const json::value& pair) -> Result<> {
    const auto sample = sample_in(pair);
    if (!sample) return fail(sample.error());
    if (!std::isnan(*sample)) samples.push_back(*sample);
    return {};
  };
  if (type == "scalar") {
    const auto added = add(*result);
    if (!added) return fail(added.error());
    return samples;
  }
  for (const auto& row : result->get_array()) {
    const auto* value = field(&row, "value");
    const auto added =
        value == nullptr ? Result<>(fail(ErrorCode::protocol, "the answer has a row without a value")) : add(*value);
    if (!added) return fail(added.error());
  }
  return samples;
}

}  // namespace entropy::control
