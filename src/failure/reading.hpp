// How a catalogue reads, prints and describes failures by their tables of fields; of use to catalogue*.cpp only.
#pragma once

#include <algorithm>

#include "base/text.hpp"
#include "failure/catalogue.hpp"

namespace entropy::failure {

template <class F>
std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for (const auto& each : F::fields()) names.emplace_back(each.name);
  return names;
}

template <class F>
void read_param(F& value, const std::pair<std::string, std::string>& param, std::vector<FieldError>& errors) {
  const std::string path = concat(F::name, ".", param.first);
  for (const auto& each : F::fields()) {
    if (each.name != param.first) continue;
    const auto read = each.read(value, param.second);
    if (read) return;
    // A list's entries come one by one: what is wrong with many of them is said once.
    FieldError error{path, read.error().message};
    if (std::ranges::find(errors, error) == errors.end()) errors.push_back(std::move(error));
    return;
  }
  const auto known = field_names<F>();
  errors.push_back({path, concat(F::name, " has no parameter ", quoted(param.first), " (given ", quoted(param.second),
                                 ")", known.empty() ? "" : did_you_mean(param.first, known))});
}

template <class F>
void require(const Params& params, std::vector<FieldError>& errors) {
  for (const auto& each : F::fields()) {
    const bool given = std::ranges::any_of(params, [&](const auto& param) { return param.first == each.name; });
    if (each.required && !given) {
      errors.push_back({concat(F::name, ".", each.name),
                        concat(F::name, " needs ", each.name, ": ", each.description, " (", each.type(), ")")});
    }
  }
}

template <class F>
bool is_list(std::string_view name) {
  return std::ranges::any_of(F::fields(), [&](const auto& each) { return each.name == name && each.list; });
}

template <class F>
void refuse_repeated(const Params& params, std::vector<FieldError>& errors) {
  for (std::size_t i = 0; i < params.size(); ++i) {
    const auto same_key = [&](const auto& other) { return other.first == params[i].first; };
    if (!is_list<F>(params[i].first) &&
        std::any_of(params.begin(), params.begin() + static_cast<std::ptrdiff_t>(i), same_key)) {
      errors.push_back({concat(F::name, ".", params[i].first), "is given twice"});
    }
  }
}

// `Any` is the variant that has `F` in it.
template <class Any, class F>
Result<Any> parse_as(const Params& params) {
  F value;
  std::vector<FieldError> errors;
  for (const auto& param : params) read_param(value, param, errors);
  require<F>(params, errors);
  refuse_repeated<F>(params, errors);
  if (errors.empty()) {
    const auto checked = value.check();
    if (!checked) errors.push_back({std::string(F::name), checked.error().message});
    if constexpr (requires { value.filter; }) {
      if (value.filter.protocol == Protocol::icmp && !value.filter.ports.empty()) {
        errors.push_back({concat(F::name, ".ports"), "icmp has no ports: with both no packet would ever fit"});
      }
    }
  }
  if (errors.empty()) return value;
  std::string message = errors.front().message;
  return fail(Error{ErrorCode::invalid, std::move(message), std::move(errors)});
}

template <class F>
Kind make_kind(std::vector<std::string> aliases, std::string description) {
  Kind kind{std::string(F::name), std::move(aliases), std::move(description), {}};
  for (const auto& each : F::fields()) {
    kind.parameters.push_back({std::string(each.name), each.type(), each.required ? "" : join(each.print(F{}), ","),
                               each.required, each.list, std::string(each.description)});
  }
  return kind;
}

template <class F>
Params print_params(const F& value) {
  Params params;
  for (const auto& each : F::fields()) {
    const auto texts = each.print(value);
    if (!each.required && texts == each.print(F{})) continue;
    for (const auto& text : texts) params.emplace_back(each.name, text);
  }
  return params;
}

inline std::string words_of(std::string_view name, const Params& params) {
  std::string out(name);
  for (const auto& [key, value] : params) append(out, concat(" ", key, "=", value));
  return out;
}

inline bool is_called(const Kind& kind, std::string_view name) {
  return kind.name == name || std::ranges::find(kind.aliases, name) != kind.aliases.end();
}

inline Result<const Kind*> find_among(const std::vector<Kind>& kinds, std::string_view name) {
  std::vector<std::string> known;
  for (const auto& kind : kinds) {
    if (is_called(kind, name)) return &kind;
    known.push_back(kind.name);
  }
  return fail(ErrorCode::invalid, concat("unknown failure ", quoted(name), did_you_mean(name, known),
                                         " (entropy failures lists them with their parameters)"));
}

}  // namespace entropy::failure
