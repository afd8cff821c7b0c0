#include "policy/custom_json.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "policy/policy_json.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

bool is_made_of(std::string_view text, std::string_view marks, std::size_t longest) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto allowed = [&](char c) { return alphanumeric(c) || marks.contains(c); };
  return !text.empty() && text.size() <= longest && alphanumeric(text.front()) && std::ranges::all_of(text, allowed);
}

void read_failure(CustomFailure& custom, const json::value& failure, std::vector<FieldError>& errors) {
  constexpr std::size_t most_parameters = 16 << 10;  // they travel as one environment variable
  const auto* one = failure.if_object();
  if (failure.is_string()) {
    custom.name = failure.get_string();
  } else if (one != nullptr && one->size() == 1) {
    custom.name = one->begin()->key();
    const json::value& parameters = one->begin()->value();
    if (!parameters.is_null()) custom.parameters = print_json(parameters);
  } else {
    errors.push_back({"failure", "names one failure of the image, as in {\"clock-skew\": {\"by\": 5}}"});
    return;
  }
  if (!is_made_of(custom.name, "._-/:", 63)) {
    errors.push_back({"failure", concat("the failure's name ", quoted(custom.name.substr(0, 80)),
                                        " is not allowed: use [a-zA-Z0-9][a-zA-Z0-9_.:/-]*, at most 63 characters")});
  }
  if (!custom.parameters.starts_with('{') || custom.parameters.size() > most_parameters) {
    errors.push_back(
        {concat("failure.", custom.name.substr(0, 80)), "the parameters are a JSON object of at most 16 KiB"});
  }
}

}  // namespace

Result<CustomFailure> read_custom(const json::value& image, const json::value& failure) {
  CustomFailure custom;
  std::vector<FieldError> errors;
  if (image.is_string() && is_made_of(std::string_view(image.get_string()), "._-/:@", 255)) {
    custom.image = image.get_string();
  } else {
    errors.push_back(
        {"image", concat(print_json(image).substr(0, 80), " is no reference of an image, as in \"team/injector:2\"")});
  }
  read_failure(custom, failure, errors);
  if (errors.empty()) return custom;
  std::string message = errors.front().message;
  return fail(Error{ErrorCode::invalid, std::move(message), std::move(errors)});
}

json::object custom_failure_json(const CustomFailure& custom) {
  json::object failure;
  // It was read from JSON; were it damaged, null would be read back as no parameters.
  failure[custom.name] = parse_json(custom.parameters).value_or(nullptr);
  return failure;
}

}  // namespace entropy::policy
