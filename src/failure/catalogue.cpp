#include "failure/catalogue.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace entropy::failure {
namespace {

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
  errors.push_back({path, concat(F::name, " has no parameter ", quoted(param.first), " (given ", quoted(param.second),
                                 ")", did_you_mean(param.first, field_names<F>()))});
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

template <class F>
Result<Failure> parse_as(const Params& params) {
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
  Kind kind{std::string(F::name), std::move(aliases), std::move(description), {}, &parse_as<F>};
  for (const auto& each : F::fields()) {
    kind.parameters.push_back({std::string(each.name), each.type(), each.required ? "" : join(each.print(F{}), ","),
                               each.required, each.list, std::string(each.description)});
  }
  return kind;
}

}  // namespace

const std::vector<Kind>& catalogue() {
  static const std::vector<Kind> table = {
      make_kind<Latency>({"delay"}, "packets arrive late"),
      make_kind<Loss>({"packet_loss"}, "packets get lost"),
      make_kind<Reorder>({"packet_reordering", "reordering"}, "packets overtake each other"),
      make_kind<Partition>({"network_partition"}, "nothing passes"),
      make_kind<Duplicate>({}, "packets arrive twice"),
      make_kind<Corrupt>({}, "packets arrive with a bit flipped"),
      make_kind<RateLimit>({}, "no more than so much passes"),
      make_kind<Dns>({}, "look-ups of names fail, take long or lead astray"),
  };
  return table;
}

Result<const Kind*> find_kind(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& kind : catalogue()) {
    if (kind.name == name || std::ranges::find(kind.aliases, name) != kind.aliases.end()) return &kind;
    known.push_back(kind.name);
  }
  return fail(ErrorCode::invalid, concat("unknown failure ", quoted(name), did_you_mean(name, known),
                                         " (entropy failures lists them with their parameters)"));
}

Result<Failure> parse(std::string_view name, const Params& params) {
  const auto kind = find_kind(name);
  if (!kind) return fail(kind.error());
  return (*kind)->parse(params);
}

std::string_view name_of(const Failure& failure) {
  return std::visit([]<class F>(const F&) { return F::name; }, failure);
}

const Filter& filter_of(const Failure& failure) {
  static const Filter every = {};
  return std::visit(
      [](const auto& value) -> const Filter& {
        if constexpr (requires { value.filter; }) {
          return value.filter;
        } else {
          return every;
        }
      },
      failure);
}

Params print(const Failure& failure) {
  return std::visit(
      []<class F>(const F& value) {
        Params params;
        for (const auto& each : F::fields()) {
          const auto texts = each.print(value);
          if (!each.required && texts == each.print(F{})) continue;
          for (const auto& text : texts) params.emplace_back(each.name, text);
        }
        return params;
      },
      failure);
}

std::string to_string(const Failure& failure) {
  std::string out(name_of(failure));
  for (const auto& [key, value] : print(failure)) append(out, concat(" ", key, "=", value));
  return out;
}

}  // namespace entropy::failure
