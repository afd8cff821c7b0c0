#include "policy/condition_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>

#include "base/text.hpp"
#include "base/url.hpp"
#include "policy/failure_json.hpp"
#include "policy/policy_json.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 7> names = {"unhealthy", "healthy",   "died",      "oom_killed",
                                                   "http_up",   "http_down", "prometheus"};

std::vector<std::string> all_names() { return {names.begin(), names.end()}; }

std::optional<ContainerCondition::Kind> container_kind(std::string_view name) {
  using Kind = ContainerCondition::Kind;
  for (const auto kind : {Kind::unhealthy, Kind::healthy, Kind::died, Kind::oom_killed}) {
    if (name_of(kind) == name) return kind;
  }
  return std::nullopt;
}

// One condition's parameters, read one after the other; what is wrong with each is kept.
class Parameters {
 public:
  explicit Parameters(const json::object& object) : object_(object) {}

  std::string text(std::string_view name, std::size_t longest) {
    const auto* value = take(name);
    if (value == nullptr) return {};
    const auto* found = value->if_string();
    if (found == nullptr) return refuse(name, "is text"), "";
    if (found->size() > longest) return refuse(name, concat("is at most ", longest, " characters long")), "";
    return std::string(*found);
  }
  void duration(std::string_view name, Duration& into, Duration shortest, Duration longest) {
    read<Duration>(
        name, into, [](std::string_view text) { return parse_duration(text); }, shortest, longest,
        concat("is from ", to_string(shortest), " to ", to_string(longest)));
  }
  void count(std::string_view name, std::uint64_t& into, std::uint64_t least, std::uint64_t most) {
    read<std::uint64_t>(name, into, parse_unsigned, least, most, concat("is a count from ", least, " to ", most));
  }
  std::optional<double> number(std::string_view name) {
    const auto* value = take(name);
    if (value == nullptr) return std::nullopt;
    const auto given = scalar_text(*value);
    double number = 0;
    const char* const end = given ? given->data() + given->size() : nullptr;
    const auto read = std::from_chars(given ? given->data() : end, end, number);
    if (read.ec == std::errc() && read.ptr == end && std::isfinite(number)) return number;
    refuse(name, "is a number");
    return std::nullopt;
  }
  void pace(Pace& pace) {
    using namespace std::chrono_literals;
    duration("interval", pace.interval, 1s, 1h);
    pace.timeout = std::min(pace.timeout, pace.interval);
    duration("timeout", pace.timeout, 100ms, 30s);
    count("retries", pace.retries, 1, 100);
    if (pace.timeout > pace.interval) refuse("timeout", "is longer than the interval");
  }
  std::string url() {
    std::string text = this->text("url", 2048);
    if (!object_.contains("url")) return refuse("url", "is missing: which address, as in http://web:8080/health"), "";
    if (const auto url = parse_http_url(text); !url && !refused("url")) refuse("url", url.error().message);
    return text;
  }

  void refuse(std::string_view name, std::string message) { errors.push_back({std::string(name), std::move(message)}); }
  bool refused(std::string_view name) const {
    return std::ranges::find(errors, name, &FieldError::field) != errors.end();
  }
  void refuse_unknown() {
    for (const auto& [key, value] : object_) {
      if (std::ranges::find(known_, key) == known_.end())
        refuse(key, concat("unknown field ", quoted(key), " (", print_json(value).substr(0, 80), ")",
                           did_you_mean(key, known_)));
    }
  }

  std::vector<FieldError> errors;

 private:
  const json::value* take(std::string_view name) {
    known_.emplace_back(name);
    return object_.if_contains(name);
  }
  template <class T>
  void read(std::string_view name, T& into, const std::function<Result<T>(std::string_view)>& parse, T least, T most,
            std::string range) {
    const auto* value = take(name);
    if (value == nullptr) return;
    const auto text = scalar_text(*value);
    const auto parsed = text ? parse(*text) : Result<T>(fail(text.error()));
    if (!parsed) return refuse(name, parsed.error().message);
    if (*parsed < least || *parsed > most) return refuse(name, std::move(range));
    into = *parsed;
  }

  const json::object& object_;
  std::vector<std::string> known_;
};

template <class T>
Result<Condition> checked(T condition, Parameters& parameters) {
  parameters.refuse_unknown();
  if (parameters.errors.empty()) return condition;
  return fail(Error{ErrorCode::invalid, parameters.errors.front().message, std::move(parameters.errors)});
}

Result<Condition> read_containers(ContainerCondition::Kind kind, const json::value& value) {
  ContainerCondition condition{kind, std::nullopt};
  const auto* text = value.if_string();
  if (text == nullptr) return fail(ErrorCode::invalid, "is a selector, as in \"service=web\", or \"targets\"");
  if (*text == "targets") return condition;
  auto selector = Selector::parse(*text);
  if (!selector) return fail(selector.error());
  condition.selector = std::move(*selector);
  return condition;
}

Result<Condition> read_http(bool up, const json::value& value) {
  constexpr std::uint64_t no_status = 0;
  if (value.is_string()) return read_http(up, json::object{{"url", value}});
  if (!value.is_object()) return fail(ErrorCode::invalid, "is an address, or an object with its url");
  Parameters parameters(value.get_object());
  HttpCondition condition;
  condition.up = up;
  condition.url = parameters.url();
  std::uint64_t status = no_status;
  parameters.count("status", status, 100, 599);
  if (status != no_status) condition.status = static_cast<unsigned>(status);
  condition.contains = parameters.text("contains", 1024);
  if (up) condition.pace.retries = 1;
  parameters.pace(condition.pace);
  return checked(std::move(condition), parameters);
}

Result<Condition> read_prometheus(const json::value& value) {
  if (!value.is_object())
    return fail(ErrorCode::invalid, "is an object with url, query and above or below, as in {\"above\": 0.5}");
  Parameters parameters(value.get_object());
  PrometheusCondition condition;
  condition.url = parameters.url();
  if (condition.url.contains('?')) parameters.refuse("url", "is of the server; the query has a field of its own");
  condition.query = parameters.text("query", 4096);
  if (condition.query.empty() && !parameters.refused("query")) parameters.refuse("query", "is missing");
  const auto above = parameters.number("above");
  const auto below = parameters.number("below");
  if (above.has_value() == below.has_value() && !parameters.refused("above") && !parameters.refused("below"))
    parameters.refuse("above", "either above or below says which value is too much");
  condition.above = above.has_value();
  condition.value = above.value_or(below.value_or(0));
  parameters.pace(condition.pace);
  return checked(std::move(condition), parameters);
}

Result<Condition> read_named(std::string_view name, const json::value& value) {
  if (const auto kind = container_kind(name)) return read_containers(*kind, value);
  if (name == "http_up" || name == "http_down") return read_http(name == "http_up", value);
  return read_prometheus(value);
}

Result<Condition> read_one(const json::value& value) {
  const auto* object = value.if_object();
  if (object != nullptr && object->size() != 1) {
    return fail(ErrorCode::invalid, "a condition is an object with one field, as in {\"unhealthy\": \"service=web\"}");
  }
  if (object == nullptr && !value.is_string())
    return fail(ErrorCode::invalid, "names a condition, as in \"unhealthy\"");
  const std::string name(object != nullptr ? std::string_view(object->begin()->key())
                                           : std::string_view(value.get_string()));
  if (std::ranges::find(names, name) == names.end()) {
    return fail(ErrorCode::invalid,
                concat("unknown condition ", quoted(name.substr(0, 80)), did_you_mean(name, all_names())));
  }
  auto condition = read_named(name, object != nullptr ? object->begin()->value() : json::value("targets"));
  if (condition) return condition;
  Error error = std::move(condition.error());
  if (error.fields.empty()) error.fields = {{"", error.message}};
  for (auto& each : error.fields) each.field = each.field.empty() ? name : concat(name, ".", each.field);
  return fail(std::move(error));
}

json::value json_of(const ContainerCondition& condition) {
  const std::string whom = condition.selector ? condition.selector->text() : "targets";
  return json::object{{name_of(condition.kind), whom}};
}

void put_pace(json::object& object, const Pace& pace) {
  object["interval"] = to_string(pace.interval);
  object["timeout"] = to_string(pace.timeout);
  object["retries"] = pace.retries;
}

json::value json_of(const HttpCondition& condition) {
  json::object object{{"url", condition.url}};
  if (condition.status) object["status"] = *condition.status;
  if (!condition.contains.empty()) object["contains"] = condition.contains;
  put_pace(object, condition.pace);
  return json::object{{condition.up ? "http_up" : "http_down", std::move(object)}};
}

json::value json_of(const PrometheusCondition& condition) {
  json::object object{{"url", condition.url}, {"query", condition.query}};
  object[condition.above ? "above" : "below"] = condition.value;
  put_pace(object, condition.pace);
  return json::object{{"prometheus", std::move(object)}};
}

}  // namespace

Result<std::vector<Condition>> conditions_from_json(const json::value& value) {
  const json::array one = {value};
  const json::array& list = value.is_array() ? value.get_array() : one;
  if (list.size() > most_conditions)
    return fail(ErrorCode::invalid, concat("has ", list.size(), " conditions: at most ", most_conditions));
  std::vector<Condition> conditions;
  std::vector<FieldError> errors;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto condition = read_one(list[i]);
    if (condition) {
      conditions.push_back(std::move(*condition));
      continue;
    }
    auto fields = condition.error().fields;
    if (fields.empty()) fields = {{"", condition.error().message}};
    for (const auto& each : fields)
      errors.push_back({each.field.empty() ? concat(i) : concat(i, ".", each.field), each.message});
  }
  if (errors.empty()) return conditions;
  return fail(Error{ErrorCode::invalid, errors.front().message, std::move(errors)});
}

json::array conditions_to_json(const std::vector<Condition>& conditions) {
  json::array list;
  for (const auto& each : conditions)
    list.push_back(std::visit([](const auto& condition) { return json_of(condition); }, each));
  return list;
}

}  // namespace entropy::policy
