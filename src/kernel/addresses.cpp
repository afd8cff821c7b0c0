#include "kernel/addresses.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace entropy::kernel {
namespace {

AddressNumber number_of(const Prefix& prefix) {
  AddressNumber number = 0;
  for (std::size_t i = 0; i < (prefix.ipv6 ? 16u : 4u); ++i) number = number << 8 | prefix.bytes[i];
  return number;
}

AddressRange range_of(const Prefix& prefix) {
  const unsigned free_bits = (prefix.ipv6 ? 128 : 32) - prefix.length;
  const AddressNumber first = number_of(prefix);
  const AddressNumber span = free_bits == 128 ? ~AddressNumber{0} : (AddressNumber{1} << free_bits) - 1;
  return {first, first | span};
}

// In order and without overlap; neighbours become one.
AddressRanges normal(AddressRanges ranges) {
  std::ranges::sort(ranges, {}, &AddressRange::first);
  AddressRanges joined;
  for (const auto& range : ranges) {
    const bool touches =
        !joined.empty() && (range.first <= joined.back().last || range.first - 1 == joined.back().last);
    if (touches) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

AddressRanges common(const AddressRanges& a, const AddressRanges& b) {
  AddressRanges result;
  for (const auto& x : a) {
    for (const auto& y : b) {
      const AddressRange range = {std::max(x.first, y.first), std::min(x.last, y.last)};
      if (range.first <= range.last) result.push_back(range);
    }
  }
  return result;
}

AddressRanges complement(const AddressRanges& ranges, AddressNumber largest) {
  AddressRanges result;
  AddressNumber next = 0;
  for (const auto& range : ranges) {
    if (range.first > next) result.push_back({next, range.first - 1});
    if (range.last == largest) return result;
    next = range.last + 1;
  }
  result.push_back({next, largest});
  return result;
}

Addresses complement(const Addresses& of) {
  return {complement(of.ipv4, Addresses{}.ipv4[0].last), complement(of.ipv6, Addresses{}.ipv6[0].last)};
}

Prefix prefix_of(AddressNumber address, bool ipv6, unsigned length) {
  Prefix prefix{ipv6, {}, length};
  const unsigned size = ipv6 ? 16 : 4;
  for (unsigned i = 0; i < size; ++i) prefix.bytes[i] = static_cast<std::uint8_t>(address >> 8 * (size - 1 - i));
  return prefix;
}

std::string text_of(const AddressRange& range, bool ipv6) {
  const unsigned bits = ipv6 ? 128 : 32;
  const AddressNumber span = range.last - range.first;
  unsigned free_bits = 0;
  while (free_bits < bits && (span >> free_bits) != 0) ++free_bits;
  const Prefix whole = prefix_of(range.first, ipv6, bits - free_bits);
  if (range_of(whole) == range) return to_string(whole);
  return concat(to_string(prefix_of(range.first, ipv6, bits)), "-", to_string(prefix_of(range.last, ipv6, bits)));
}

std::string list(const Addresses& addresses) {
  constexpr std::size_t shown = 4;
  std::vector<std::string> texts;
  for (const auto& range : addresses.ipv4) texts.push_back(text_of(range, false));
  for (const auto& range : addresses.ipv6) texts.push_back(text_of(range, true));
  const std::size_t left = texts.size() > shown ? texts.size() - shown : 0;
  if (left > 0) texts.resize(shown);
  return concat(join(texts, ", "), left > 0 ? concat(" and ", left, " more") : "");
}

}  // namespace

Addresses Addresses::of(const std::vector<Prefix>& prefixes) {
  Addresses made = none();
  for (const auto& prefix : prefixes) (prefix.ipv6 ? made.ipv6 : made.ipv4).push_back(range_of(prefix));
  return {normal(std::move(made.ipv4)), normal(std::move(made.ipv6))};
}

Addresses both(const Addresses& a, const Addresses& b) { return {common(a.ipv4, b.ipv4), common(a.ipv6, b.ipv6)}; }

Addresses without(const Addresses& a, const Addresses& b) { return both(a, complement(b)); }

bool contains(const Addresses& addresses, const Prefix& address) {
  const AddressNumber number = number_of(address);
  return std::ranges::any_of(address.ipv6 ? addresses.ipv6 : addresses.ipv4,
                             [&](const AddressRange& range) { return range.first <= number && number <= range.last; });
}

std::string to_string(const Addresses& addresses) {
  if (addresses.empty()) return "nobody";
  if (addresses.is_every()) return "all";
  const Addresses others = complement(addresses);
  const bool mostly = others.ipv4.size() + others.ipv6.size() < addresses.ipv4.size() + addresses.ipv6.size();
  return mostly ? concat("all but ", list(others)) : list(addresses);
}

}  // namespace entropy::kernel
