#include "failure/catalogue.hpp"

#include "failure/reading.hpp"

namespace entropy::failure {
namespace {

template <class F>
Kind network_kind(std::vector<std::string> aliases, std::string description) {
  Kind kind = make_kind<F>(std::move(aliases), std::move(description));
  kind.parse = &parse_as<Failure, F>;
  return kind;
}

}  // namespace

const std::vector<Kind>& catalogue() {
  static const std::vector<Kind> table = {
      network_kind<Latency>({"delay"}, "packets arrive late"),
      network_kind<Loss>({"packet_loss"}, "packets get lost"),
      network_kind<Reorder>({"packet_reordering", "reordering"}, "packets overtake each other"),
      network_kind<Partition>({"network_partition"}, "nothing passes"),
      network_kind<Duplicate>({}, "packets arrive twice"),
      network_kind<Corrupt>({}, "packets arrive with a bit flipped"),
      network_kind<RateLimit>({}, "no more than so much passes"),
      network_kind<Dns>({}, "look-ups of names fail, take long or lead astray"),
  };
  return table;
}

Result<const Kind*> find_kind(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& kind : catalogue()) {
    if (is_called(kind, name)) return &kind;
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
  return std::visit([](const auto& value) { return print_params(value); }, failure);
}

std::string to_string(const Failure& failure) {
  std::string out(name_of(failure));
  for (const auto& [key, value] : print(failure)) append(out, concat(" ", key, "=", value));
  return out;
}

}  // namespace entropy::failure
