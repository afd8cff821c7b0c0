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

Result<const Kind*> find_kind(std::string_view name) { return find_among(catalogue(), name); }

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

std::string to_string(const Failure& failure) { return words_of(name_of(failure), print(failure)); }

}  // namespace entropy::failure
