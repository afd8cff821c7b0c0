#include "kernel/match_rules.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <algorithm>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace entropy::kernel {
namespace {

using nft::Family;

template <class T>
Bytes big_endian(T number, std::size_t length) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[length - 1 - i] = static_cast<std::uint8_t>(number >> 8 * i);
  return bytes;
}

std::string name_for(std::string_view kind, const std::vector<nft::Element>& elements) {
  constexpr std::string_view digits = "0123456789abcdef";
  Hash hash;
  for (const auto& element : elements) {
    hash.text({reinterpret_cast<const char*>(element.key.data()), element.key.size()}).number(element.end ? 1 : 0);
  }
  std::string name = concat(kind, "_");
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[hash.value() >> shift & 15];
  return name;
}

// The end of a range that reaches the largest number is nowhere.
template <class Ranges>
nft::Set set_of(std::string_view kind, const Ranges& ranges, std::uint32_t length) {
  nft::Set set;
  set.key_length = length;
  for (const auto& range : ranges) {
    set.elements.push_back({big_endian(range.first, length), false});
    const Bytes last = big_endian(range.last, length);
    const bool largest = std::ranges::all_of(last, [](std::uint8_t byte) { return byte == 0xff; });
    if (largest) continue;
    set.elements.push_back({big_endian(static_cast<AddressNumber>(range.last) + 1, length), true});
  }
  set.name = name_for(kind, set.elements);
  return set;
}

void append(Expressions& to, const Expressions& more) { to.insert(to.end(), more.begin(), more.end()); }

// Every alternative goes on with each of the others.
void cross(std::vector<Expressions>& alternatives, const std::vector<Expressions>& with) {
  std::vector<Expressions> all;
  for (const auto& begun : alternatives) {
    for (const auto& more : with) append(all.emplace_back(begun), more);
  }
  alternatives = std::move(all);
}

class Builder {
 public:
  Builder(const Match& match, Family family, Direction direction)
      : match_(match), family_(family), direction_(direction) {}

  Matching build() {
    made_.alternatives = {{}};
    cross(made_.alternatives, interfaces());
    cross(made_.alternatives, families());
    if (match_.transport == Transport::tcp) cross(made_.alternatives, {protocol_is(IPPROTO_TCP)});
    if (match_.transport == Transport::udp) cross(made_.alternatives, {protocol_is(IPPROTO_UDP)});
    if (!match_.ports.empty() && match_.transport == Transport::any) cross(made_.alternatives, {has_ports()});
    for (const auto& ranges : match_.ports) cross(made_.alternatives, ports(ranges));
    return std::move(made_);
  }

 private:
  nft::Lookup in(nft::Set set) {
    nft::Lookup lookup{set.name, false};
    const auto known = std::ranges::find(made_.sets, set.name, &nft::Set::name);
    if (known == made_.sets.end()) made_.sets.push_back(std::move(set));
    return lookup;
  }

  std::vector<Expressions> interfaces() {
    if (family_ == Family::netdev || match_.interfaces.empty()) return {{}};
    const std::uint32_t key = direction_ == Direction::egress ? NFT_META_OIFNAME : NFT_META_IIFNAME;
    std::vector<Expressions> all;
    all.reserve(match_.interfaces.size());
    for (const auto& name : match_.interfaces) {
      all.push_back({nft::LoadMeta{key}, nft::Compare{NFT_CMP_EQ, nft::interface_key(name)}});
    }
    return all;
  }

  // Where neither addresses nor ICMP tell the IP versions apart, a chain of both needs not ask.
  std::vector<Expressions> families() {
    const bool alike = match_.peers.is_every() && match_.transport != Transport::icmp;
    if (alike) return {{}};
    std::vector<Expressions> all;
    for (const bool ipv6 : {false, true}) {
      const Family own = ipv6 ? Family::ipv6 : Family::ipv4;
      const AddressRanges& ranges = ipv6 ? match_.peers.ipv6 : match_.peers.ipv4;
      if (ranges.empty() || (family_ != Family::netdev && family_ != own)) continue;
      all.push_back(addresses(ipv6, ranges));
    }
    return all;
  }

  Expressions addresses(bool ipv6, const AddressRanges& ranges) {
    Expressions fit;
    if (family_ == Family::netdev) {
      append(fit, network_protocol(NFT_CMP_EQ, ipv6 ? ETH_P_IPV6 : ETH_P_IP));
    }
    const bool every = ipv6 ? match_.peers.is_every_ipv6() : match_.peers.is_every_ipv4();
    if (!every) {
      const std::uint32_t length = ipv6 ? 16 : 4;
      const std::uint32_t source = ipv6 ? 8 : 12;  // its offset in the header; the destination follows
      const std::uint32_t offset = direction_ == Direction::egress ? source + length : source;
      fit.push_back(nft::LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, offset, length});
      fit.push_back(in(set_of(ipv6 ? "peers6" : "peers4", ranges, length)));
    }
    if (match_.transport == Transport::icmp) append(fit, protocol_is(ipv6 ? +IPPROTO_ICMPV6 : +IPPROTO_ICMP));
    return fit;
  }

  // Of other protocols the first bytes are no ports.
  Expressions has_ports() {
    const PortRanges protocols = {{IPPROTO_TCP, IPPROTO_TCP}, {IPPROTO_UDP, IPPROTO_UDP}};
    return {nft::LoadMeta{NFT_META_L4PROTO}, in(set_of("protocols", protocols, 1))};
  }

  std::vector<Expressions> ports(const PortRanges& ranges) {
    const nft::Lookup lookup = in(set_of("ports", ranges, 2));
    return {{nft::LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2}, lookup},
            {nft::LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2}, lookup}};
  }

  const Match& match_;
  Family family_;
  Direction direction_;
  Matching made_;
};

}  // namespace

Expressions protocol_is(std::uint8_t protocol) {
  return {nft::LoadMeta{NFT_META_L4PROTO}, nft::Compare{NFT_CMP_EQ, {protocol}}};
}

Expressions network_protocol(std::uint32_t comparison, std::uint16_t ether_type) {
  return {nft::LoadMeta{NFT_META_PROTOCOL}, nft::Compare{comparison, value_of(htons(ether_type))}};
}

Matching matching(const Match& match, Family family, Direction direction) {
  return Builder(match, family, direction).build();
}

}  // namespace entropy::kernel
