#include "program/custom_output.hpp"

#include <boost/json.hpp>
#include <optional>

#include "base/text.hpp"
#include "program/foreign_text.hpp"
#include "program/report.hpp"

namespace entropy::program {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? clean(value->get_string()) : "";
}

std::optional<json::value> parsed(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  return value;
}

// Every field may be left out; one of a wrong type makes the header malformed.
const json::array* list_at(const json::object& object, std::string_view key, CustomHeader& header) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return nullptr;
  if (!value->is_array())
    header.malformed = concat(key, " is not a list");
  else if (value->get_array().size() > CustomReader::longest_list)
    header.malformed = concat(key, " has more than ", CustomReader::longest_list, " entries");
  return header.malformed.empty() ? &value->get_array() : nullptr;
}

CustomHeader header_of(std::string_view text) {
  CustomHeader header;
  const auto value = parsed(text);
  if (!value) {
    header.malformed = "there is no JSON object in it";
    return header;
  }
  const json::object& object = value->get_object();
  const auto* started = object.if_contains("started");
  if (started == nullptr || !started->is_bool()) {
    header.malformed = "started is neither true nor false";
    return header;
  }
  header.started = started->get_bool();
  if (const auto* names = list_at(object, "available_failures", header)) {
    for (const auto& name : *names) {
      if (name.is_string()) header.available_failures.push_back(clean(name.get_string()));
    }
  }
  if (const auto* errors = list_at(object, "validation_errors", header)) {
    for (const auto& each : *errors) {
      const auto* error = each.if_object();
      header.validation_errors.push_back(error == nullptr
                                             ? FieldError{"", clean(json::serialize(each))}
                                             : FieldError{text_at(*error, "field"), text_at(*error, "message")});
    }
  }
  return header;
}

CustomLine line_of(std::string_view line) {
  const auto value = line.starts_with('{') ? parsed(line) : std::nullopt;
  if (!value) return {CustomLine::Kind::log, clean(line)};
  const json::object& object = value->get_object();
  const std::string event = text_at(object, "event");
  std::string message = text_at(object, "message");
  if (event == "fault.started") return {CustomLine::Kind::started, std::move(message)};
  if (event == "fault.ended") return {CustomLine::Kind::ended, std::move(message)};
  return {CustomLine::Kind::log, message.empty() ? clean(line) : std::move(message)};
}

}  // namespace

void CustomReader::feed(std::string_view bytes, const std::function<void(CustomOutput)>& on_output) {
  lines_.feed(bytes, [&](std::string_view line) { take(line, on_output); });
}

void CustomReader::take(std::string_view line, const std::function<void(CustomOutput)>& on_output) {
  if (place_ == Place::before && line == header_open) {
    place_ = Place::inside;
    return;
  }
  if (place_ != Place::inside) {
    if (!line.empty()) on_output(line_of(line));
    return;
  }
  if (line != header_close && header_.size() + line.size() <= longest_header) {
    append(header_, concat(line, "\n"));
    return;
  }
  place_ = Place::behind;
  CustomHeader header = header_of(header_);
  if (line != header_close) header = {false, {}, {}, "it does not end within 64 KiB"};
  header_.clear();
  on_output(std::move(header));
}

}  // namespace entropy::program
