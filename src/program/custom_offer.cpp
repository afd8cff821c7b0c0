#include "program/custom_offer.hpp"

#include <boost/json.hpp>

#include "base/text.hpp"
#include "program/foreign_text.hpp"

namespace entropy::program {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_label = 64 << 10;
constexpr std::size_t longest_list = 100;

std::unexpected<Error> wrong(std::string_view why) {
  return fail(ErrorCode::invalid, concat("its label ", offer_label, " is not well-formed: ", why));
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return {};
  return clean(value->is_string() ? std::string(value->get_string()) : json::serialize(*value));
}

Result<failure::Parameter> parameter_of(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return wrong("a parameter is not an object");
  failure::Parameter parameter;
  parameter.name = text_at(*object, "name");
  parameter.type = text_at(*object, "type");
  parameter.default_value = text_at(*object, "default");
  parameter.description = text_at(*object, "description");
  const auto* required = object->if_contains("required");
  parameter.required = required != nullptr && required->is_bool() && required->get_bool();
  if (parameter.name.empty()) return wrong("a parameter has no name");
  return parameter;
}

Result<failure::Kind> kind_of(const json::value& value) {
  failure::Kind kind;
  if (value.is_string()) {
    kind.name = clean(value.get_string());
    return kind;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return wrong("a failure is neither a name nor an object");
  kind.name = text_at(*object, "name");
  kind.description = text_at(*object, "description");
  if (kind.name.empty()) return wrong("a failure has no name");
  const auto* parameters = object->if_contains("parameters");
  if (parameters == nullptr || parameters->is_null()) return kind;
  if (!parameters->is_array() || parameters->get_array().size() > longest_list) {
    return wrong(concat("parameters of ", kind.name, " are not a list of at most ", longest_list));
  }
  for (const auto& each : parameters->get_array()) {
    auto parameter = parameter_of(each);
    if (!parameter) return fail(parameter.error());
    kind.parameters.push_back(std::move(*parameter));
  }
  return kind;
}

}  // namespace

Result<std::vector<failure::Kind>> parse_offer(std::string_view label) {
  if (label.size() > longest_label) return wrong("it is longer than 64 KiB");
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(label.data(), label.size()), error);
  if (error) return wrong(error.message());
  if (!value.is_array() || value.get_array().size() > longest_list) {
    return wrong(concat("it is not a list of at most ", longest_list, " failures"));
  }
  std::vector<failure::Kind> kinds;
  for (const auto& each : value.get_array()) {
    auto kind = kind_of(each);
    if (!kind) return fail(kind.error());
    kinds.push_back(std::move(*kind));
  }
  return kinds;
}

}  // namespace entropy::program
