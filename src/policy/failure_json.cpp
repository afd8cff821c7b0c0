#include "policy/failure_json.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "policy/selector.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

constexpr int deepest = 4;
constexpr std::size_t most_params = 512;

Result<> flatten(failure::Params& params, const std::string& name, const json::value& value, int depth) {
  if (params.size() > most_params || depth > deepest) return fail(ErrorCode::invalid, "has too many parameters");
  if (const auto* object = value.if_object()) {
    for (const auto& [key, entry] : *object) {
      const std::string path = name.empty() ? std::string(key) : concat(name, ".", std::string_view(key));
      if (auto done = flatten(params, path, entry, depth + 1); !done) return done;
    }
    return {};
  }
  if (const auto* array = value.if_array(); array != nullptr && !name.empty()) {
    if (array->empty()) {
      return fail(ErrorCode::invalid, concat("parameter ", quoted(name), ": the list is empty; leave it out for all"));
    }
    for (const auto& entry : *array) {
      const auto text = scalar_text(entry);
      if (!text) return fail(ErrorCode::invalid, concat("parameter ", quoted(name), ": ", text.error().message));
      params.emplace_back(name, *text);
    }
    return {};
  }
  const auto text = scalar_text(value);
  if (!text) return fail(ErrorCode::invalid, concat("parameter ", quoted(name), ": ", text.error().message));
  params.emplace_back(name, *text);
  return {};
}

// Numbers where the parameter is one, text elsewhere.
json::value param_value(const failure::Parameter& parameter, const std::string& text) {
  if (parameter.type == "integer") return *parse_unsigned(text);
  if (parameter.type == "percent") return parse_percent(text)->value;
  if (parameter.type == "cpus") return failure::Value<failure::Cpus>::read(text)->number;
  if (parameter.type == "boolean") return text == "true";
  if (parameter.type == "list of port") {
    if (const auto port = parse_unsigned(text)) return *port;
  }
  return json::value(text);
}

json::value& place_of(json::object& object, std::string_view path) {
  const auto dot = path.find('.');
  json::value& here = object[path.substr(0, dot)];
  if (dot == std::string_view::npos) return here;
  if (!here.is_object()) here.emplace_object();
  return place_of(here.get_object(), path.substr(dot + 1));
}

json::object to_object(const failure::Kind& kind, const failure::Params& params) {
  json::object object;
  for (const auto& [key, text] : params) {
    const auto parameter = std::ranges::find(kind.parameters, key, &failure::Parameter::name);
    json::value& place = place_of(object, key);
    json::value value = param_value(*parameter, text);
    if (!parameter->list) {
      place = std::move(value);
    } else {
      if (!place.is_array()) place.emplace_array();
      place.get_array().push_back(std::move(value));
    }
  }
  return object;
}

}  // namespace

Result<std::string> scalar_text(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  if (const auto* number = value.if_int64()) return concat(*number);
  if (const auto* number = value.if_uint64()) return concat(*number);
  if (const auto* number = value.if_double()) return to_string(*number);
  if (const auto* boolean = value.if_bool()) return std::string(*boolean ? "true" : "false");
  return fail(ErrorCode::invalid, concat(json::serialize(value).substr(0, 80), " is neither text nor a number"));
}

Result<failure::Params> params_from_json(const json::value& value) {
  failure::Params params;
  if (value.is_null()) return params;
  if (!value.is_object()) {
    return fail(ErrorCode::invalid, "the parameters of a failure are an object, as in {\"delay\": \"250ms\"}");
  }
  if (auto done = flatten(params, "", value, 0); !done) return fail(done.error());
  return params;
}

json::object params_to_json(const failure::Failure& failure) {
  return to_object(**failure::find_kind(failure::name_of(failure)), failure::print(failure));
}

json::object params_to_json(const failure::ContainerFailure& failure) {
  return to_object(**failure::find_any_kind(failure::name_of(failure)), failure::print(failure));
}

Result<> check_peers(const failure::Failure& failure) {
  const failure::Filter& filter = failure::filter_of(failure);
  for (const auto& [field, peers] : {std::pair{"peers", &filter.peers}, {"exclude", &filter.exclude}}) {
    for (const auto& peer : *peers) {
      if (failure::kind_of(peer) != failure::PeerKind::selector) continue;
      const auto selector = Selector::parse(peer.text);
      if (selector) continue;
      const std::string path = concat(failure::name_of(failure), ".", std::string_view(field));
      return fail(Error{ErrorCode::invalid, selector.error().message, {{path, selector.error().message}}});
    }
  }
  return {};
}

}  // namespace entropy::policy
