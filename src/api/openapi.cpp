#include <algorithm>
#include <boost/json.hpp>

#include "api/resources.hpp"
#include "api/routes.hpp"
#include "api/views_json.hpp"
#include "base/text.hpp"
#include "failure/container.hpp"

// Made by the linker (-b binary) of openapi.json.
extern "C" {
extern const char _binary_openapi_json_start[];
extern const char _binary_openapi_json_end[];
}

namespace entropy::api {
namespace {

namespace json = boost::json;

// Parameters are read from text or numbers; what they may say is the catalogue's.
json::object schema_of(const failure::Kind& kind) {
  json::object properties;
  json::array required;
  for (const auto& each : kind.parameters) {
    json::string description(each.description);
    description += " (";
    description += each.type;
    description += each.required                ? "; required)"
                   : each.default_value.empty() ? ")"
                                                : "; default " + each.default_value + ")";
    properties[each.name] = {{"description", std::move(description)}};
    if (each.required) required.emplace_back(each.name);
  }
  json::object schema{{"description", kind.description},
                      {"type", required.empty() ? json::value{"object", "null"} : json::value("object")},
                      {"properties", std::move(properties)},
                      {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

// The answers that all routes of a kind have.
void add_common(json::object& operation, const Route& route) {
  json::object& responses = operation.at("responses").as_object();
  const auto add = [&](std::string_view status, std::string_view name) {
    responses[status] = {{"$ref", concat("#/components/responses/", name)}};
  };
  add("400", "BadInput");
  add("default", "Problem");
  if (operation.contains("requestBody")) {
    add("413", "TooLarge");
    add("415", "NotJson");
  }
  if (route.access == Access::token) {
    add("401", "NoToken");
    add("403", "Forbidden");
  } else {
    operation["security"] = json::array();
  }
}

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(c - 'A' + 'a');
  return out;
}

// What stands in the file, and what only the program knows: its version, its failures, what all routes have in common.
json::value make_document(const std::string& version) {
  json::value document = json::parse({_binary_openapi_json_start, _binary_openapi_json_end});
  document.at("info").at("version") = version;
  for (const auto& route : routes()) {
    json::value* path = document.at("paths").as_object().if_contains(route.pattern);
    json::value* operation = path == nullptr ? nullptr : path->as_object().if_contains(lower(route.method));
    if (operation != nullptr) add_common(operation->as_object(), route);
  }
  json::object& failures = document.at("components").at("schemas").at("Failures").as_object();
  json::object properties;
  json::array bare;  // names of failures that need no parameters
  for (const auto& kind : failure::every_kind()) {
    if (std::ranges::none_of(kind.parameters, &failure::Parameter::required)) {
      bare.emplace_back(kind.name);
      for (const auto& alias : kind.aliases) bare.emplace_back(alias);
    }
    properties[kind.name] = schema_of(kind);
    for (const auto& alias : kind.aliases) {
      properties[alias] = {{"$ref", "#/components/schemas/Failures/properties/" + kind.name}};
    }
  }
  failures["properties"] = std::move(properties);
  document.at("components").at("schemas").at("BareFailure").at("enum") = std::move(bare);
  return document;
}

}  // namespace

Response get_openapi(const Call& call) {
  static const json::value document = make_document(call.options->version);
  return json_response(document);
}

}  // namespace entropy::api
