#include "kernel/name_answers.hpp"

#include <netinet/in.h>

#include <algorithm>

#include "kernel/dns_message.hpp"

namespace entropy::kernel {
namespace {

constexpr std::size_t udp_header = 8;
constexpr std::size_t least_tcp_header = 20;
constexpr std::size_t ipv4_header = 20;
constexpr std::size_t ipv6_header = 40;
constexpr std::size_t length_prefix = 2;  // of a message over TCP; RFC 1035, 4.2.2

std::size_t number_at(View bytes, std::size_t at) { return static_cast<std::size_t>(bytes[at] << 8 | bytes[at + 1]); }

void put_number(std::span<std::uint8_t> bytes, std::size_t at, std::size_t number) {
  bytes[at] = static_cast<std::uint8_t>(number >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(number);
}

// Where things are in a packet.
struct Layout {
  bool ipv6 = false;
  std::uint8_t protocol = 0;
  std::size_t transport = 0;
  std::size_t payload = 0;
  std::size_t end = 0;
};

std::optional<Layout> ip_layout(View packet) {
  if (packet.size() < ipv4_header) return std::nullopt;
  if (packet[0] >> 4 == 4) {
    const std::size_t header = std::size_t{4} * (packet[0] & 15);
    const Layout layout = {false, packet[9], header, 0, number_at(packet, 2)};
    const bool fits = header >= ipv4_header && layout.end <= packet.size() && header <= layout.end;
    return fits ? std::optional(layout) : std::nullopt;
  }
  if (packet[0] >> 4 != 6 || packet.size() < ipv6_header) return std::nullopt;
  const Layout layout = {true, packet[6], ipv6_header, 0, ipv6_header + number_at(packet, 4)};
  return layout.end <= packet.size() ? std::optional(layout) : std::nullopt;
}

std::optional<Layout> layout_of(View packet) {
  auto layout = ip_layout(packet);
  if (!layout) return std::nullopt;
  const std::size_t room = layout->end - layout->transport;
  if (layout->protocol == IPPROTO_UDP && room >= udp_header) {
    const std::size_t length = number_at(packet, layout->transport + 4);
    if (length < udp_header || length > room) return std::nullopt;
    layout->end = layout->transport + length;
    layout->payload = layout->transport + udp_header;
    return layout;
  }
  if (layout->protocol != IPPROTO_TCP || room < least_tcp_header) return std::nullopt;
  const std::size_t header = std::size_t{4} * (packet[layout->transport + 12] >> 4);
  if (header < least_tcp_header || header > room) return std::nullopt;
  layout->payload = layout->transport + header;
  return layout;
}

// RFC 1071: the one's complement sum of 16-bit numbers.
std::uint32_t sum_of(View bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += static_cast<std::uint32_t>(number_at(bytes, i));
  if (bytes.size() % 2 == 1) sum += static_cast<std::uint32_t>(bytes.back() << 8);
  return sum;
}
std::uint16_t checksum_of(std::uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// Lengths and checksums of what has been put together.
void seal(Bytes& packet, const Layout& layout) {
  const std::span<std::uint8_t> bytes(packet);
  const std::size_t length = packet.size() - layout.transport;
  put_number(bytes, layout.ipv6 ? 4 : 2, layout.ipv6 ? packet.size() - ipv6_header : packet.size());
  if (!layout.ipv6) {
    put_number(bytes, 10, 0);
    put_number(bytes, 10, checksum_of(sum_of(bytes.first(layout.transport))));
  }
  const bool udp = layout.protocol == IPPROTO_UDP;
  const std::size_t checksum = layout.transport + (udp ? 6 : 16);
  if (udp) put_number(bytes, layout.transport + 4, length);
  put_number(bytes, checksum, 0);
  const View addresses = layout.ipv6 ? bytes.subspan(8, 32) : bytes.subspan(12, 8);
  const auto pseudo = static_cast<std::uint32_t>(length + layout.protocol);
  const std::uint16_t sum = checksum_of(sum_of(bytes.subspan(layout.transport), sum_of(addresses, pseudo)));
  put_number(bytes, checksum, sum == 0 && udp ? 0xffff : sum);
}

// What one message has to suffer.
struct Sentence {
  Duration delay{0};
  const Hearsay* hearsay = nullptr;
};

Sentence sentence_for(const dns::Question& question, const std::vector<NameFault>& faults, Tally& tally) {
  Sentence sentence;
  for (const auto& fault : faults) {
    const auto fits = [&](const std::string& pattern) { return dns::fits(question.name, pattern); };
    if (std::ranges::none_of(fault.names, fits)) continue;
    const bool heard = fault.answer && dns::concerns(*fault.answer, question);
    if (fault.delay == Duration::zero() && !heard) continue;
    Counters& counters = tally[fault.name];
    ++counters.matched;
    if (fault.delay > Duration::zero()) ++counters.delayed;
    sentence.delay += fault.delay;
    if (!heard || sentence.hearsay != nullptr) continue;
    sentence.hearsay = &*fault.answer;
    ++(*fault.answer == Hearsay(Denial::none) ? counters.dropped : counters.altered);
  }
  return sentence;
}

bool is_silence(const Sentence& sentence) {
  return sentence.hearsay != nullptr && *sentence.hearsay == Hearsay(Denial::none);
}

Fate judge_datagram(View packet, const Layout& layout, const std::vector<NameFault>& faults, Tally& tally) {
  const View message = packet.first(layout.end).subspan(layout.payload);
  const auto question = dns::question_of_answer(message);
  if (!question) return {};
  const Sentence sentence = sentence_for(*question, faults, tally);
  Fate fate{is_silence(sentence), sentence.delay, {}};
  if (sentence.hearsay == nullptr || fate.dropped) return fate;
  Bytes changed(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(layout.payload));
  const Bytes said = dns::answer(message, *question, *sentence.hearsay);
  changed.insert(changed.end(), said.begin(), said.end());
  seal(changed, layout);
  fate.changed = std::move(changed);
  return fate;
}

Fate judge_segment(View packet, const Layout& layout, const std::vector<NameFault>& faults, Tally& tally) {
  Fate fate;
  Bytes changed(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(layout.end));
  bool any = false;
  for (std::size_t at = layout.payload; layout.end - at > length_prefix;) {
    const std::size_t length = number_at(packet, at);
    at += length_prefix;
    const View message = packet.subspan(at, std::min(length, layout.end - at));
    const auto question = dns::question_of_answer(message);
    if (!question) break;
    const Sentence sentence = sentence_for(*question, faults, tally);
    fate.delay = std::max(fate.delay, sentence.delay);
    if (is_silence(sentence)) {
      fate.dropped = true;
    } else if (sentence.hearsay != nullptr) {
      const Bytes said = dns::answer_of_length(message, length, *question, *sentence.hearsay);
      std::ranges::copy(said, changed.begin() + static_cast<std::ptrdiff_t>(at));
      any = true;
    }
    at += message.size();
  }
  if (!any || fate.dropped) return fate;
  seal(changed, layout);
  fate.changed = std::move(changed);
  return fate;
}

}  // namespace

Fate judge(View packet, const std::vector<NameFault>& faults, Tally& tally) {
  const auto layout = layout_of(packet);
  if (!layout) return {};
  return layout->protocol == IPPROTO_UDP ? judge_datagram(packet, *layout, faults, tally)
                                         : judge_segment(packet, *layout, faults, tally);
}

}  // namespace entropy::kernel
