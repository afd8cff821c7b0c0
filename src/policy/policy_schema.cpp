#include "policy/policy_schema.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "failure/container.hpp"
#include "policy/policy_file.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

constexpr std::string_view duration_pattern = "^([0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d))+$|^0$";

json::object described(std::string_view text, json::object schema) {
  schema["description"] = text;
  return schema;
}

json::object text() { return {{"type", "string"}}; }
json::object count(std::uint64_t least) { return {{"type", "integer"}, {"minimum", least}}; }
json::object duration() { return {{"type", "string"}, {"pattern", duration_pattern}}; }
// frequency and duration take a bare number as seconds.
json::object seconds() {
  return {{"anyOf", json::array{duration(), json::object{{"type", "integer"}, {"minimum", 1}}}}};
}
json::object share(double most) {
  return {{"anyOf", json::array{json::object{{"type", "number"}, {"minimum", 0}, {"maximum", most}},
                                json::object{{"type", "string"}, {"pattern", "^[0-9]*\\.?[0-9]+%?$"}}}}};
}

json::object parameter_schema(const failure::Parameter& parameter) {
  if (parameter.type == "duration") return duration();
  if (parameter.type == "percent") return share(100);
  if (parameter.type == "integer") return count(0);
  if (parameter.type == "answer") {
    return {{"anyOf", json::array{json::object{{"enum", json::array{"nxdomain", "servfail", "refused", "none"}}},
                                  json::object{{"type", "string"}, {"format", "ipv4"}},
                                  json::object{{"type", "string"}, {"format", "ipv6"}}}}};
  }
  if (parameter.type == "boolean") return {{"type", "boolean"}};
  if (parameter.type.contains('|')) {
    json::array words;
    for (const auto word : split(parameter.type, '|')) words.emplace_back(word);
    return {{"enum", std::move(words)}};
  }
  // Sizes, rates, lists and models: the parser knows.
  return {{"type", json::array{"string", "number", "array", "object"}}};
}

bool needs_parameters(const failure::Kind& kind) {
  return std::ranges::any_of(kind.parameters, &failure::Parameter::required);
}

// A name with dots is an object within the object.
void add_property(json::object& properties, std::string_view name, json::object schema) {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) {
    properties[name] = std::move(schema);
    return;
  }
  json::value& outer = properties[name.substr(0, dot)];
  if (outer.is_null()) {
    outer = {{"type", "object"}, {"additionalProperties", false}, {"properties", json::object{}}};
  }
  add_property(outer.at("properties").as_object(), name.substr(dot + 1), std::move(schema));
}

json::object parameters_schema(const failure::Kind& kind) {
  json::object properties;
  json::array required;
  for (const auto& each : kind.parameters) {
    add_property(properties, each.name, described(each.description, parameter_schema(each)));
    if (each.required) required.emplace_back(each.name);
  }
  json::object schema{{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
  schema["description"] = kind.description;
  if (required.empty()) {
    schema["type"] = json::array{"object", "null"};
  } else {
    schema["required"] = std::move(required);
  }
  return schema;
}

json::object failure_schema() {
  json::array bare;
  json::object by_name;
  for (const auto& kind : failure::every_kind()) {
    std::vector<std::string> names = kind.aliases;
    names.insert(names.begin(), kind.name);
    for (const auto& name : names) {
      by_name[name] = parameters_schema(kind);
      if (!needs_parameters(kind)) bare.emplace_back(name);
    }
  }
  json::object map{
      {"type", "object"}, {"minProperties", 1}, {"additionalProperties", false}, {"properties", std::move(by_name)}};
  return {{"anyOf", json::array{json::object{{"enum", std::move(bare)}}, std::move(map)}}};
}

// Of a custom image: one, in its own words.
json::object custom_failure_schema() {
  json::object parameters{{"type", json::array{"object", "null"}}};
  return {{"anyOf", json::array{text(), json::object{{"type", "object"},
                                                     {"minProperties", 1},
                                                     {"maxProperties", 1},
                                                     {"additionalProperties", std::move(parameters)}}}}};
}

// What `failure` may be depends on whether there is an image.
void add_failure(json::object& schema) {
  const auto failure_is = [](json::object failure) {
    return json::object{{"properties", json::object{{"failure", std::move(failure)}}}};
  };
  schema["if"] = json::object{{"required", json::array{"image"}}};
  schema["then"] = failure_is(custom_failure_schema());
  schema["else"] = failure_is(failure_schema());
}

json::object pace_properties() {
  return {{"interval", described("how often it is asked, from 1s", duration())},
          {"timeout", described("of one answer, up to 30s and the interval", duration())},
          {"retries", described("it counts when it was so that often in a row", count(1))}};
}

json::object http_condition_schema() {
  json::object properties = pace_properties();
  properties["url"] = text();
  properties["status"] = described("the status expected (any from 200 to 399)", count(100));
  properties["contains"] = described("text in the first 64 KiB of the body", text());
  json::object whole{{"type", "object"},
                     {"required", json::array{"url"}},
                     {"additionalProperties", false},
                     {"properties", std::move(properties)}};
  return {{"anyOf", json::array{text(), std::move(whole)}}};
}

json::object prometheus_condition_schema() {
  json::object properties = pace_properties();
  properties["url"] = described("of the server: http://prometheus:9090", text());
  properties["query"] = text();
  for (const char* name : {"above", "below"}) properties[name] = json::object{{"type", "number"}};
  return {{"type", "object"},
          {"required", json::array{"url", "query"}},
          {"additionalProperties", false},
          {"properties", std::move(properties)}};
}

// One condition, or a list of them.
json::object conditions_schema() {
  const auto containers = [](std::string_view what) {
    return described(concat(what, "; a selector, or targets"), text());
  };
  json::object properties{
      {"unhealthy", containers("the HEALTHCHECK of one says so")},
      {"healthy", containers("the HEALTHCHECK of each that has one says so")},
      {"died", containers("one has ended, whether or not it came back")},
      {"oom_killed", containers("one ran out of memory")},
      {"http_up", described("an address answers as expected", http_condition_schema())},
      {"http_down", described("an address does not answer as expected", http_condition_schema())},
      {"prometheus", described("a query is above or below a value", prometheus_condition_schema())}};
  json::object one{{"type", "object"},
                   {"minProperties", 1},
                   {"maxProperties", 1},
                   {"additionalProperties", false},
                   {"properties", std::move(properties)}};
  const json::object word{{"enum", json::array{"unhealthy", "healthy", "died", "oom_killed"}}};
  const json::object each{{"anyOf", json::array{word, std::move(one)}}};
  const json::object list{{"type", "array"}, {"maxItems", most_conditions}, {"items", each}};
  return {{"anyOf", json::array{each, list}}};
}

json::object expectation_schema() {
  json::object properties;
  for (const auto& name : expectation_fields()) properties[name] = count(0);
  return {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
}

json::object policy_schema() {
  const json::object labels{{"type", "object"}, {"additionalProperties", text()}};
  json::object properties{
      {"selector", described("which containers: service=db, '@name=web-*', 'tier in (a,b)'", text())},
      {"failure", described("what goes wrong; several act together", {})},
      {"frequency", described("the dice are rolled so often; without it there is one window", seconds())},
      {"duration", described("so long a window holds (frequency)", seconds())},
      {"probability", described("of each window on each container (1)", share(1))},
      {"pick", described("how many of the matching containers take part: all, 2, 50%",
                         json::object{{"type", json::array{"string", "integer"}}})},
      {"delay", described("the first window begins so much later", duration())},
      {"ttl", described("the policy ends itself after so long", duration())},
      {"windows", described("the policy ends itself after so many windows", count(1))},
      {"start_when", described("it begins when all of these hold at once", conditions_schema())},
      {"stop_when", described("any of these stops it and rolls its faults back", conditions_schema())},
      {"seed", described("of the dice: the same seed, the same faults", count(0))},
      {"image", described("a custom injector image, whose failure it is", text())},
      {"description", described("for people", text())},
      {"labels", described("for those who made it", labels)},
      {"state", json::object{{"enum", json::array{"running", "stopped"}}}},
      {"expect", described("what entropy run must have seen of it", expectation_schema())}};
  json::object schema{{"type", "object"},
                      {"additionalProperties", false},
                      {"required", json::array{"selector", "failure"}},
                      {"properties", std::move(properties)}};
  add_failure(schema);
  return schema;
}

}  // namespace

json::object policy_file_schema() {
  json::object schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                      {"title", "Entropy policies"},
                      {"type", "object"},
                      {"additionalProperties", false},
                      {"required", json::array{"policies"}}};
  schema["properties"] = {
      {"$schema", text()},
      {"name", described("the set that the policies belong to, for apply --prune", text())},
      {"policies", json::object{{"type", "object"}, {"minProperties", 1}, {"additionalProperties", policy_schema()}}}};
  return schema;
}

}  // namespace entropy::policy
