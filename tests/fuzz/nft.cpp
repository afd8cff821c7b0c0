// Whatever is read of the kernel's tables is written as what reads the same.
#include "kernel/nft.hpp"

#include "check.hpp"

namespace entropy::fuzz {
namespace {

using namespace kernel;

constexpr std::string_view table = "entropy";

template <class T>
std::vector<T> all_of(Result<std::vector<T>> decoded) {
  return decoded ? std::move(*decoded) : std::vector<T>();
}

std::vector<nft::Rule> rules_in(View answer, std::string_view chain) {
  std::vector<nft::Chain> chains = {{std::string(chain), 0, 0, {}, {}}};
  if (!nft::decode_rules(answer, table, chains)) return {};
  return chains.front().rules;
}

void check_rule(const nft::Rule& rule) {
  Writer out;
  nft::add_rule(out, nft::Family::ipv4, table, "c", rule);
  require(rules_in(out.bytes(), "c") == std::vector{rule});
}

void check_chain(const nft::Chain& chain) {
  Writer out;
  nft::add_chain(out, nft::Family::netdev, table, chain);
  require(nft::decode_chains(out.bytes(), table) == std::vector{chain});
}

void check_set(const nft::Set& set) {
  Writer out;
  nft::add_set(out, nft::Family::ipv6, table, set);
  require(nft::decode_sets(out.bytes(), table) == std::vector{set});
}

void check_element(const nft::Element& element) {
  const nft::Set set{"s", {}, static_cast<std::uint32_t>(element.key.size()), {element}};
  Writer out;
  nft::add_elements(out, nft::Family::netdev, table, set);
  require(nft::decode_elements(out.bytes(), "s") == set.elements);
}

void check_sequences(View batch) {
  for (View rest = batch; const auto message = next_message(rest);) {
    require(!nft::describe(batch, message->sequence).empty());
  }
}

}  // namespace

void check(std::string_view input) {
  const View bytes(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  if (auto expression = nft::decode_expression(bytes)) check_rule({"fuzz", {std::move(*expression)}});
  for (const auto& rule : rules_in(bytes, "c")) check_rule({"fuzz", rule.expressions});
  for (const auto& chain : all_of(nft::decode_chains(bytes, table))) check_chain(chain);
  for (const auto& set : all_of(nft::decode_sets(bytes, table))) check_set(set);
  for (const auto& found : all_of(nft::decode_tables(bytes, table))) require(found.name == table);
  for (const auto& element : all_of(nft::decode_elements(bytes, "s"))) check_element(element);
  check_sequences(bytes);
}

}  // namespace entropy::fuzz
